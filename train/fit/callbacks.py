"""The pace of a training: its learning rate before every step, its progress after it, its figures after an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..backend import keras
from ..progress import Progress


class Pace(keras.callbacks.Callback):
    """Sets the rate of each step and shows the progress; stands first among the callbacks.

    Args:
        rate: finished epochs (as ``fit`` counts them, ``initial_epoch`` included) with the fraction of the present one
            -> learning rate.
        progress: what is shown.
        steps: per epoch.
    """

    def __init__(self, rate: Callable[[float], float], progress: Progress, steps: int) -> None:
        super().__init__()
        self.rate, self.progress, self.steps = rate, progress, steps
        self.epoch, self.began, self.learning_rate = 0, 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keras's hook."""
        self.began, self.epoch = time.monotonic(), epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Keras's hook."""
        self.learning_rate = self.rate(self.epoch + batch / self.steps)
        self.model.optimizer.learning_rate.assign(self.learning_rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keras's hook."""
        self.progress.step(self.epoch, batch, logs["loss"], _figure(logs, "accuracy"))

    def row(self, logs: dict[str, float]) -> dict[str, float]:
        """The figures of the epoch that has just ended, for its ``on_epoch_end``.

        Args:
            logs: as Keras hands them over.

        Returns:
            epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate (of the last step), seconds.
        """
        figures = {key: _figure(logs, key) for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
        seconds = round(time.monotonic() - self.began, 2)
        return {"epoch": self.epoch + 1.0, **figures, "learning_rate": self.learning_rate, "seconds": seconds}


def _figure(logs: dict[str, float], key: str) -> float:
    if key in logs:
        return float(logs[key])
    # With two heads Keras puts their names before the accuracy, once more whenever such a model is loaded.
    validated = key.startswith("val_")
    named = [name for name in logs if name.endswith("_accuracy") and name.startswith("val_") == validated]
    return float(logs[named[0]])
