"""Event files for TensorBoard: every epoch once, also when a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.train.summaries import Summaries

Points = Callable[[Path], dict[str, list[tuple[int, float]]]]


def row(epoch: int) -> dict[str, float]:
    figures = {"loss": 2.0, "accuracy": 0.25, "val_loss": 1.5, "val_accuracy": 0.5, "learning_rate": 0.1}
    return {"epoch": float(epoch), "phase": 1.0, "seconds": 3.0, **{key: v / epoch for key, v in figures.items()}}


def test_a_point_on_every_curve_after_every_epoch(tmp_path: Path, event_points: Points) -> None:
    summaries = Summaries(tmp_path / "events", [])
    for epoch in (1, 2):
        summaries.add(row(epoch))
    found = event_points(tmp_path / "events")
    assert set(found) == {
        "train/epoch_loss",
        "train/epoch_accuracy",
        "train/epoch_learning_rate",
        "validation/epoch_loss",
        "validation/epoch_accuracy",
    }
    assert found["train/epoch_loss"] == [(1, 2.0), (2, 1.0)]
    assert found["validation/epoch_accuracy"] == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize("asked_from", [1, 3])
def test_a_run_that_goes_on_has_every_step_once(tmp_path: Path, event_points: Points, asked_from: int) -> None:
    history: list[dict[str, float]] = []
    for epoch in (1, 2, 3):
        if epoch >= asked_from:
            # Every epoch by another process.
            Summaries(tmp_path / "events", history).add(row(epoch))
        history.append(row(epoch))
    assert sorted(step for step, _ in event_points(tmp_path / "events")["train/epoch_loss"]) == [1, 2, 3]
