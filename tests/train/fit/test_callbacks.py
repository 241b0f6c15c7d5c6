"""Callbacks: a rate for every step, the figures of an epoch whatever Keras calls them, event files for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.train.backend import keras
from edgeemo.train.fit.callbacks import EpochProgress, StepCallback, Summaries

Points = Callable[[Path], dict[str, list[tuple[int, float]]]]


class _Rates(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []
        self.rows: list[dict[str, float]] = []
        self.step: StepCallback | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert self.step is not None
        self.rows.append(self.step.row(logs))


def test_every_step_has_its_rate_and_every_epoch_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    inputs, targets = np.ones((8, 3), np.float32), np.eye(2, dtype=np.float32)[[0, 1] * 4]
    watch, step = _Rates(), StepCallback(lambda done: 0.5 * done, EpochProgress(3, 2), 2)
    watch.step = step
    model.fit(
        inputs,
        targets,
        batch_size=4,
        initial_epoch=1,
        epochs=3,
        validation_data=(inputs, targets),
        callbacks=[step, watch],
        verbose=0,
    )
    assert watch.rates == pytest.approx([0.5, 0.75, 1.0, 1.25])
    assert [row["epoch"] for row in watch.rows] == [2, 3]
    assert [row["learning_rate"] for row in watch.rows] == pytest.approx([0.75, 1.25])
    keys = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert [list(row) for row in watch.rows] == [keys, keys]


@pytest.mark.parametrize("name", ["accuracy", "emotion_accuracy", "emotion_emotion_accuracy"])
def test_the_accuracy_is_that_of_the_emotions(name: str) -> None:
    logs = {"loss": 3.0, "emotion_loss": 2.0, "votes_loss": 2.5, name: 0.25}
    logs |= {"val_loss": 1.0, "val_emotion_loss": 1.0, "val_votes_loss": 0.0, f"val_{name}": 0.5}
    row = StepCallback(lambda done: 0.1, EpochProgress(1, 1), 1).row(logs)
    assert [row[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")] == [3.0, 0.25, 1.0, 0.5]


def epoch_row(epoch: int) -> dict[str, float]:
    figures = {"loss": 2.0, "accuracy": 0.25, "val_loss": 1.5, "val_accuracy": 0.5, "learning_rate": 0.1}
    return {"epoch": float(epoch), "phase": 1.0, "seconds": 3.0, **{key: v / epoch for key, v in figures.items()}}


def test_a_point_on_every_curve_after_every_epoch(tmp_path: Path, event_points: Points) -> None:
    summaries = Summaries(tmp_path / "events", [])
    for epoch in (1, 2):
        summaries.add(epoch_row(epoch))
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
            Summaries(tmp_path / "events", history).add(epoch_row(epoch))
        history.append(epoch_row(epoch))
    assert sorted(step for step, _ in event_points(tmp_path / "events")["train/epoch_loss"]) == [1, 2, 3]
