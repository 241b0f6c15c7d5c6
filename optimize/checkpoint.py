"""Where a quantization-aware training stands after each epoch, in one file, so that a kill loses an epoch at most."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..train.checkpoint import Unfinished


@dataclass(frozen=True)
class State:
    """A training after some epochs.

    Args:
        history: the finished epochs.
        variables: of the model.
        best: the variables after the best epoch.
        optimizer: its variables.
    """

    history: list[dict[str, float]]
    variables: list[np.ndarray]
    best: list[np.ndarray]
    optimizer: list[np.ndarray]


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
        groups = {"variables": state.variables, "best": state.best, "optimizer": state.optimizer}
        if all(one is two for one, two in zip(state.variables, state.best, strict=True)):
            del groups["best"]
        counts = {group: len(values) for group, values in groups.items()}
        head = json.dumps({"history": state.history, "counts": counts})
        arrays = {"head": np.array(head)}
        for group, values in groups.items():
            arrays |= {f"{group}-{index}": value for index, value in enumerate(values)}
        self._file.save(arrays)

    def load(self) -> State | None:
        """The saved state; None if there is none, or it is damaged or another training's."""
        saved = self._file.load()
        if saved is None:
            return None
        head = json.loads(str(saved["head"]))
        groups = {
            group: [saved[f"{group}-{index}"] for index in range(count)] for group, count in head["counts"].items()
        }
        return State(head["history"], groups["variables"], groups.get("best", groups["variables"]), groups["optimizer"])

    def remove(self) -> None:
        """The training is done."""
        self._file.remove()

    @property
    def _file(self) -> Unfinished:
        return Unfinished(self.path, self.key)
