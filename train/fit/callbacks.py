"""Callbacks of a training: learning rate of every step, progress, figures of every epoch, files for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...edge.common.console import Progress
from ..backend import keras, tf

#: Folder (a run of its own in TensorBoard) -> tag -> column of the history.
CURVES = {
    "train": {"epoch_loss": "loss", "epoch_accuracy": "accuracy", "epoch_learning_rate": "learning_rate"},
    "validation": {"epoch_loss": "val_loss", "epoch_accuracy": "val_accuracy"},
}


class EpochProgress:
    """Progress of a training: a bar with the figures of the epoch on a terminal, one plain line per epoch in a pipe.

    Args:
        epochs: planned in all.
        steps: per epoch.
        what: word before the epoch number.
        quiet: show nothing.
    """

    def __init__(self, epochs: int, steps: int, *, what: str = "epoch", quiet: bool = False) -> None:
        self._epochs, self._steps, self._what = epochs, steps, what
        self._display = Progress(quiet=quiet, plain=False)

    def step(self, epoch: int, step: int, loss: float, accuracy: float) -> None:
        """Show a finished step; epoch and step are counted from 0."""
        text = f"{self._what} {epoch + 1}/{self._epochs}  loss {loss:.4f}  accuracy {accuracy:.2%}"
        self._display.update(text, step + 1, self._steps)

    def epoch(self, epoch: int, row: dict[str, float], note: str = "") -> None:
        """Print the figures of a finished epoch, counted from 0."""
        self._display.print(
            f"{self._what} {epoch + 1}/{self._epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
            f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.2%}  "
            f"lr {row['learning_rate']:.2g}  {row['seconds']:.0f} s{note}"
        )


class StepCallback(keras.callbacks.Callback):
    """Learning rate of each step, and progress; stands first among the callbacks.

    Args:
        rate: finished epochs (as ``fit`` counts them, ``initial_epoch`` included) with the fraction of the current one
            -> learning rate.
        progress: display to update.
        steps: steps per epoch.
    """

    def __init__(self, rate: Callable[[float], float], progress: EpochProgress, steps: int) -> None:
        super().__init__()
        self.rate, self.progress, self.steps = rate, progress, steps
        self.epoch, self.began, self.learning_rate = 0, 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """See Keras."""
        self.began, self.epoch = time.monotonic(), epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See Keras."""
        self.learning_rate = self.rate(self.epoch + batch / self.steps)
        self.model.optimizer.learning_rate.assign(self.learning_rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """See Keras."""
        self.progress.step(self.epoch, batch, logs["loss"], _figure(logs, "accuracy"))

    def row(self, logs: dict[str, float]) -> dict[str, float]:
        """Return the figures of the epoch that has just ended, for its ``on_epoch_end``.

        Args:
            logs: logs of Keras.

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


class Summaries:
    """Event files for TensorBoard, with a point on every curve for every epoch; the step is the epoch, from 1.

    Folders and names are those of Keras's callback, which needs the package tensorboard only to write them.

    Args:
        folder: folder of the event files.
        history: finished epochs. They are written again, into one file for each folder, and replace the files that
            are there: a kill may have come between the history and the event files.
    """

    def __init__(self, folder: Path, history: Sequence[dict[str, float]]) -> None:
        for name in CURVES:
            for path in (folder / name).glob("events.out.tfevents.*"):
                path.unlink()
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in CURVES}
        for row in history:
            self.add(row)

    def add(self, row: dict[str, float]) -> None:
        """Write one epoch of the history."""
        # As tf.summary.scalar does; that function is in the package tensorboard.
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")
        for name, curves in CURVES.items():
            with self._writers[name].as_default():
                for tag, key in curves.items():
                    tf.summary.write(tag, tf.constant(row[key], tf.float32), step=int(row["epoch"]), metadata=metadata)
            self._writers[name].flush()
