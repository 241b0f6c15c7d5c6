"""A long computation's state in one file: whoever interrupts it loses the last step at most."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.common.files import atomic_path

_KEY = "key"


@dataclass(frozen=True)
class Unfinished:
    """A file for arrays.

    Args:
        path: of the file, ``.npz``.
        key: of everything that the computation depends on; a file with another key is another computation's.
    """

    path: Path
    key: str

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Replace the file."""
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **{_KEY: np.array(self.key), **arrays})

    def load(self) -> dict[str, np.ndarray] | None:
        """What was saved; None if there is nothing, or it is damaged or another computation's."""
        try:
            # NumPy would leave a damaged file open.
            with open(self.path, "rb") as stream, np.load(stream, allow_pickle=False) as saved:
                return {name: saved[name] for name in saved.files} if str(saved[_KEY]) == self.key else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def remove(self) -> None:
        """The computation is done."""
        self.path.unlink(missing_ok=True)
