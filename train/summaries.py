"""The history of a run as event files for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .backend import tf

#: Curve -> key in the history, by the folder that TensorBoard shows as a run of its own.
CURVES = {
    "train": {"epoch_loss": "loss", "epoch_accuracy": "accuracy", "epoch_learning_rate": "learning_rate"},
    "validation": {"epoch_loss": "val_loss", "epoch_accuracy": "val_accuracy"},
}


class Summaries:
    """Writes a point on every curve after every epoch; the step is the epoch, from 1.

    The folders and names are those of Keras's callback, which needs the package tensorboard only to write them.

    Args:
        folder: for the event files.
        history: the finished epochs. They are written anew into one file for each folder, in the place of those that
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
        # What tf.summary.scalar would say; that function is in the package tensorboard.
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")
        for name, curves in CURVES.items():
            with self._writers[name].as_default():
                for tag, key in curves.items():
                    tf.summary.write(tag, tf.constant(row[key], tf.float32), step=int(row["epoch"]), metadata=metadata)
            self._writers[name].flush()
