"""Training by steps from an endless stream of batches, as scenes give it: no epochs, one cosine, averaged weights."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.common.files import atomic_path
from ..backend import keras, tf
from ..config.detection import StepSettings

#: Steps between two updates of the averages: every step would cost more than it brings.
_AVERAGED = 5


class Prefetch:
    """Batches drawn by a thread ahead of the training.

    Args:
        draw: gives a batch.
        ahead: batches to hold ready.
    """

    def __init__(self, draw: Callable[[], Any], *, ahead: int = 8) -> None:
        self._draw, self._queue = draw, queue.Queue[Any](ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __call__(self) -> Any:
        """The next batch.

        Raises:
            Exception: what the drawing thread has failed with.
        """
        batch = self._queue.get()
        if isinstance(batch, BaseException):
            raise batch
        return batch

    def close(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.1)
            except queue.Empty:
                continue

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                batch = self._draw()
            except Exception as error:
                self._queue.put(error)
                return
            self._queue.put(batch)


class StepTrainer:
    """Trains a model by steps; a killed training continues from its last checkpoint.

    Args:
        model: tf_keras.Model.
        loss: (targets, outputs of the model) -> scalar.
        settings: how long and how fast.
        folder: for ``state.npz``, the checkpoint.
    """

    def __init__(self, model: Any, loss: Callable[[Any, Any], Any], settings: StepSettings, folder: Path) -> None:
        self.model, self.settings, self.step = model, settings, 0
        self._path = Path(folder) / "state.npz"
        self._optimizer = keras.optimizers.AdamW(settings.rate, weight_decay=settings.weight_decay)
        self._optimizer.build(model.trainable_variables)
        self._averages = [tf.Variable(v, trainable=False) for v in model.variables]

        @tf.function
        def step(inputs: Any, targets: Any) -> Any:
            with tf.GradientTape() as tape:
                value = loss(targets, model(inputs, training=True))
                whole = tf.add_n([value, *model.losses])
            gradients = tape.gradient(whole, model.trainable_variables)
            self._optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return value

        @tf.function
        def average(share: Any) -> None:
            for mean, variable in zip(self._averages, model.variables, strict=True):
                mean.assign_add(share * (variable - mean))

        self._step, self._average = step, average
        if self._path.is_file():
            self._load()

    def run(
        self,
        batches: Callable[[], tuple[np.ndarray, Any]],
        *,
        report: Callable[[int, float, float], None],
        between: dict[int, Callable[[], None]] | None = None,
    ) -> None:
        """Train to the end.

        Args:
            batches: gives (inputs, targets).
            report: told step, mean loss and steps per second every 200 steps.
            between: period in steps -> what to do after each of them.
        """
        total, since, counted = 0.0, time.monotonic(), 0
        while self.step < self.settings.steps:
            inputs, targets = batches()
            self._optimizer.learning_rate.assign(learning_rate(self.step, self.settings))
            total, counted = total + float(self._step(inputs, targets)), counted + 1
            self.step += 1
            if self.step % _AVERAGED == 0:
                rounds = self.step / _AVERAGED
                share = 1 - min(self.settings.average, (1 + rounds) / (10 + rounds))
                self._average(tf.constant(share, tf.float32))
            if self.step % 200 == 0:
                report(self.step, total / counted, counted / (time.monotonic() - since))
                total, since, counted = 0.0, time.monotonic(), 0
            for period, act in (between or {}).items():
                if self.step % period == 0:
                    act()
            if self.step % self.settings.checkpoint == 0 or self.step == self.settings.steps:
                self._save()

    def averaged(self) -> Any:
        """Return a copy of the model with the averaged weights."""
        copy = keras.models.clone_model(self.model)
        for variable, mean in zip(copy.variables, self._averages, strict=True):
            variable.assign(mean)
        return copy

    def _save(self) -> None:
        arrays = [v.numpy() for v in (*self.model.variables, *self._averages, *self._optimizer.variables)]
        with atomic_path(self._path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, *arrays, step=np.array(self.step))

    def _load(self) -> None:
        variables = [*self.model.variables, *self._averages, *self._optimizer.variables]
        with np.load(self._path) as table:
            arrays = [table[f"arr_{index}"] for index in range(len(table.files) - 1)]
            if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
                raise ModelError(f"{self._path} is the checkpoint of another model", hint="train in an empty folder")
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
            self.step = int(table["step"])


def learning_rate(step: int, settings: StepSettings) -> float:
    """Return the learning rate at a step: linear warm-up, then a cosine to zero."""
    if step < settings.warmup:
        return settings.rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.rate * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done))))
