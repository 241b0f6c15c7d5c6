"""Checkpoints: the state of a long computation in files, so that an interruption costs the last step at most.

A checkpoint of a training is one ``.npz`` an epoch: the history, the variables of the model and of its optimizer, and
the moving averages of the weights where the recipe asks for them. Float training and quantization-aware training write
the same file.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.common.errors import FileError
from ..edge.common.files import atomic_path

_KEY = "key"
_NAME = re.compile(r"^epoch-(\d+)\.npz$")


@dataclass(frozen=True)
class ArrayFile:
    """A file of arrays.

    Args:
        path: ``.npz`` file.
        key: digest of everything that the computation depends on; a file with another key belongs to another one.
    """

    path: Path
    key: str = ""

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Replace the file."""
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **{_KEY: np.array(self.key), **arrays})

    def load(self) -> dict[str, np.ndarray] | None:
        """Return what was saved; None if there is nothing, or it is damaged or belongs to another computation."""
        try:
            # NumPy would leave a damaged file open.
            with open(self.path, "rb") as stream, np.load(stream, allow_pickle=False) as saved:
                return {name: saved[name] for name in saved.files} if str(saved[_KEY]) == self.key else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def remove(self) -> None:
        """Remove the file once the computation is done."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class TrainingState:
    """A training after its last finished epoch.

    Args:
        history: figures of the finished epochs.
        variables: variables of the model.
        optimizer: variables of the optimizer.
        averages: moving averages of the weights, by their place in ``variables``; empty without them.
    """

    history: list[dict[str, float]]
    variables: list[np.ndarray]
    optimizer: list[np.ndarray]
    averages: dict[int, np.ndarray] = field(default_factory=dict)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the state under one name for each array."""
        arrays = {"head": np.array(json.dumps({"history": self.history}))}
        arrays |= {f"variable-{place}": value for place, value in enumerate(self.variables)}
        arrays |= {f"optimizer-{place}": value for place, value in enumerate(self.optimizer)}
        return arrays | {f"average-{place}": value for place, value in self.averages.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TrainingState:
        """Return the state that :meth:`to_arrays` has taken apart.

        Raises:
            KeyError, ValueError: the arrays are not those of a state.
        """
        groups: dict[str, dict[int, np.ndarray]] = {"variable": {}, "optimizer": {}, "average": {}}
        for name, value in arrays.items():
            group, _, place = name.partition("-")
            if group in groups:
                groups[group][int(place)] = value
        variables, optimizer = (
            [groups[name][place] for place in range(len(groups[name]))] for name in ("variable", "optimizer")
        )
        return cls(json.loads(str(arrays["head"]))["history"], variables, optimizer, groups["average"])


@dataclass(frozen=True)
class Checkpoints:
    """A folder with a checkpoint for each epoch that is kept.

    Args:
        folder: folder; it is made with the first checkpoint.
        key: digest of everything that the training depends on.
    """

    folder: Path
    key: str = ""

    def path(self, epoch: int) -> Path:
        """Return the file of the state after ``epoch`` finished epochs."""
        return self.folder / f"epoch-{epoch:04d}.npz"

    def save(self, state: TrainingState) -> None:
        """Save the state after its last epoch."""
        self.folder.mkdir(exist_ok=True)
        ArrayFile(self.path(len(state.history)), self.key).save(state.to_arrays())

    def load(self, epoch: int) -> TrainingState:
        """Return the state after ``epoch`` finished epochs.

        Raises:
            FileError: the checkpoint is missing or damaged, or belongs to another training.
        """
        state = self._read(epoch)
        if state is None:
            raise FileError(f"the checkpoint {self.path(epoch)} cannot be read", hint="train again")
        return state

    def latest(self) -> TrainingState | None:
        """Return the state after the most epochs; None if there is none of this training."""
        states = (self._read(epoch) for epoch in sorted(self._epochs(), reverse=True))
        return next((state for state in states if state is not None), None)

    def prune(self, keep: Collection[int]) -> None:
        """Remove the checkpoints of all other epochs, and what an interrupted training left half-written."""
        for path in self.folder.iterdir():
            match = _NAME.match(path.name)
            if not match or int(match.group(1)) not in keep:
                path.unlink()

    def remove(self) -> None:
        """Remove all of them once the training is done."""
        if self.folder.is_dir():
            self.prune(())
            self.folder.rmdir()

    def _epochs(self) -> list[int]:
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return [int(match.group(1)) for name in names if (match := _NAME.match(name))]

    def _read(self, epoch: int) -> TrainingState | None:
        arrays = ArrayFile(self.path(epoch), self.key).load()
        try:
            return None if arrays is None else TrainingState.from_arrays(arrays)
        except (KeyError, ValueError, TypeError):
            return None
