"""Quantization-aware training: fake quantisation in the float graph, then a few epochs at a low rate."""

from __future__ import annotations

import time
import warnings
from typing import Any

from ..edge.errors import EdgeemoError
from ..train import schedule
from ..train.backend import keras, set_seed
from ..train.datasets.splits import TrainingData
from ..train.loop import compile_model, training_batches
from ..train.progress import Progress
from ..train.recipe import Recipe, Schedule


def quantization_aware(model: Any) -> Any:
    """Put fake quantisation around every layer of a trained model.

    Args:
        model: tf_keras Functional or Sequential, every BatchNormalization behind a linear convolution.

    Returns:
        A new model with the trained weights and default 8-bit ranges (per-channel weights).

    Raises:
        EdgeemoError: a layer cannot be quantised; the message names it.
    """
    with warnings.catch_warnings():
        # Deprecations inside the library are not ours to mend.
        warnings.simplefilter("ignore")
        from tensorflow_model_optimization.python.core.quantization.keras.quantize import quantize_model
    # Dropout does nothing in the deployed graph, and fine-tuning at a low rate does better without it.
    plain = without_dropout(model)
    try:
        return quantize_model(plain)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise EdgeemoError(
            f"{model.name} cannot be trained quantization-aware ({reason})",
            mend="use --method int8, or change the named layer",
        ) from error


def without_dropout(model: Any) -> Any:
    """The same network with the same weights, its Dropout layers removed."""

    def clone(layer: Any) -> Any:
        if isinstance(layer, keras.layers.Dropout):
            return keras.layers.Activation("linear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())
    return cloned


def fine_tune(
    model: Any, recipe: Recipe, data: TrainingData, *, seed: int = 0, quiet: bool = False
) -> list[dict[str, float]]:
    """Train a quantization-aware model and leave it with the weights of its best epoch on the validation role.

    Args:
        model: from :func:`quantization_aware`; changed in place.
        recipe: the float model's; its ``qat`` section gives epochs and rate, the rest is as in the float training.
        data: the same roles as in the float training.
        seed: of shuffling and augmentation.
        quiet: show no progress.

    Returns:
        The history, one row an epoch.
    """
    set_seed(seed)
    compile_model(model, recipe, learning_rate=recipe.qat.learning_rate)
    batches, validation = training_batches(recipe, data, seed=seed)
    tuner = _Tuner(recipe, batches.steps, quiet)
    model.fit(
        batches.dataset(0),
        epochs=recipe.qat.epochs,
        steps_per_epoch=batches.steps,
        validation_data=validation.dataset(),
        callbacks=[tuner],
        verbose=0,
    )
    model.set_weights(tuner.best)
    return tuner.history


class _Tuner(keras.callbacks.Callback):
    """Cosine rate to zero, progress, and the best weights."""

    def __init__(self, recipe: Recipe, steps: int, quiet: bool) -> None:
        super().__init__()
        self.monitor, self.rate0 = recipe.early_stopping.monitor, recipe.qat.learning_rate
        self.schedule = Schedule("cosine", epochs=recipe.qat.epochs)
        self.steps, self.best = steps, None
        self.history: list[dict[str, float]] = []
        self.progress = Progress(recipe.qat.epochs, steps, what="QAT epoch", quiet=quiet)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.began, self.epoch = time.monotonic(), epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.rate = schedule.learning_rate(self.schedule, self.rate0, (), self.epoch + batch / self.steps)
        self.model.optimizer.learning_rate.assign(self.rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.progress.step(self.epoch, batch, logs["loss"], logs["accuracy"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {key: float(logs[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"epoch": epoch + 1.0, "learning_rate": self.rate, "seconds": time.monotonic() - self.began}
        self.history.append(row)
        if schedule.best_epoch(self.history, self.monitor) == epoch:
            self.best = self.model.get_weights()
        self.progress.epoch(epoch, row)
