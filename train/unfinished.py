"""Where the asking of teachers stands, in one file: whoever interrupts it loses a version of the pictures at most."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..edge.files import atomic_path


@dataclass(frozen=True)
class Unfinished:
    """A file for the sums of so many answers.

    Args:
        path: of the file, ``.npz``.
        key: of everything that the answers depend on; a file with another key is of other questions.
    """

    path: Path
    key: str

    def save(self, done: int, answers: np.ndarray) -> None:
        """Replace the file: so many passes over the pictures are in these sums."""
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, key=np.array(self.key), done=np.array(done), answers=answers)

    def load(self) -> tuple[int, np.ndarray] | None:
        """What was saved; None if there is nothing, or it is damaged or of other questions."""
        try:
            with open(self.path, "rb") as stream, np.load(stream, allow_pickle=False) as saved:
                return (int(saved["done"]), saved["answers"]) if str(saved["key"]) == self.key else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
