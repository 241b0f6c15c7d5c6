"""Where a quantization-aware training stands after each epoch, in one file, so that a kill loses an epoch at most."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.files import atomic_path


@dataclass(frozen=True)
class State:
    """A training after some epochs.

    Args:
        history: the finished epochs.
        variables: of the model.
        best: the variables after the best epoch.
        optimiser: its variables.
    """

    history: list[dict[str, float]]
    variables: list[np.ndarray]
    best: list[np.ndarray]
    optimiser: list[np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """A file for the state of one training.

    Args:
        path: of the file, ``.npz``.
        key: of everything that the training depends on; a file with another key is another training's.
    """

    path: Path
    key: str

    def save(self, state: State) -> None:
        """Replace the file."""
        groups = {"variables": state.variables, "best": state.best, "optimiser": state.optimiser}
        if all(one is two for one, two in zip(state.variables, state.best, strict=True)):
            del groups["best"]
        counts = {group: len(values) for group, values in groups.items()}
        head = json.dumps({"key": self.key, "history": state.history, "counts": counts})
        arrays: dict[str, Any] = {"head": np.array(head)}
        for group, values in groups.items():
            arrays |= {f"{group}-{index}": value for index, value in enumerate(values)}
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **arrays)

    def load(self) -> State | None:
        """The saved state; None if there is none, or it is damaged or another training's."""
        try:
            with np.load(self.path, allow_pickle=False) as saved:
                head = json.loads(str(saved["head"]))
                if head["key"] != self.key:
                    return None
                groups = {
                    group: [saved[f"{group}-{index}"] for index in range(count)]
                    for group, count in head["counts"].items()
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return State(head["history"], groups["variables"], groups.get("best", groups["variables"]), groups["optimiser"])

    def remove(self) -> None:
        """The training is done."""
        self.path.unlink(missing_ok=True)
