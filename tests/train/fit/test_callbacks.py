"""The pace: a rate for every step, and the figures of an epoch whatever Keras calls them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeemo.train.backend import keras
from edgeemo.train.fit.callbacks import Pace
from edgeemo.train.progress import Progress


class _Rates(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []
        self.rows: list[dict[str, float]] = []
        self.pace: Pace | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert self.pace is not None
        self.rows.append(self.pace.row(logs))


def test_every_step_has_its_rate_and_every_epoch_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    inputs, targets = np.ones((8, 3), np.float32), np.eye(2, dtype=np.float32)[[0, 1] * 4]
    watch, pace = _Rates(), Pace(lambda done: 0.5 * done, Progress(3, 2), 2)
    watch.pace = pace
    model.fit(
        inputs,
        targets,
        batch_size=4,
        initial_epoch=1,
        epochs=3,
        validation_data=(inputs, targets),
        callbacks=[pace, watch],
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
    row = Pace(lambda done: 0.1, Progress(1, 1), 1).row(logs)
    assert [row[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")] == [3.0, 0.25, 1.0, 0.5]
