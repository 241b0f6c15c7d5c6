"""Checkpoints of a training: what is saved comes back, and what is not of this training does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import FileError
from edgeemo.train.checkpoint import Checkpoints, TrainingState

from ..conftest import raises


def state(epochs: int, *, averages: bool = False) -> TrainingState:
    history = [{"epoch": float(epoch), "loss": 0.25} for epoch in range(1, epochs + 1)]
    variables = [np.full(2, epochs + 0.5), np.zeros((1, 3))]
    return TrainingState(history, variables, [np.array(7)], {1: np.ones((1, 3))} if averages else {})


@pytest.mark.parametrize("averages", [True, False])
def test_a_state_comes_back_as_it_was(averages: bool, tmp_path: Path) -> None:
    checkpoints, expected = Checkpoints(tmp_path / "states", "key"), state(2, averages=averages)
    checkpoints.save(expected)
    found = checkpoints.load(2)
    assert found.history == expected.history
    for one, two in ((found.variables, expected.variables), (found.optimizer, expected.optimizer)):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert list(found.averages) == list(expected.averages)
    assert all(np.array_equal(found.averages[place], value) for place, value in expected.averages.items())


def test_the_latest_state_is_that_with_most_epochs(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None
    for epochs in (2, 12, 3):
        checkpoints.save(state(epochs))
    found = checkpoints.latest()
    assert found is not None
    assert len(found.history) == 12


def test_only_the_checkpoints_to_keep_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for epochs in (1, 2, 3, 12):
        checkpoints.save(state(epochs))
    (tmp_path / ".epoch-0013-half.npz").write_text("half")
    checkpoints.prune({2, 12})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0002.npz", "epoch-0012.npz"]
    assert len(checkpoints.load(2).history) == 2
    checkpoints.remove()
    assert not tmp_path.exists()
    checkpoints.remove()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut", b"half a zip"])
def test_what_is_no_state_of_this_training_is_passed_over(content: bytes | None, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key")
    if content is None:
        Checkpoints(tmp_path, "another").save(state(1))
    else:
        checkpoints.path(1).write_bytes(content)
    assert checkpoints.latest() is None
    with raises(FileError, problem=r"epoch-0001\.npz cannot be read"):
        checkpoints.load(1)
