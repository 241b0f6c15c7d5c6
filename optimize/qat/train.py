"""Quantization-aware training: fake quantization in the rewritten float graph, then a few epochs at a low rate."""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.inference.classifier import Classifier
from ...edge.inference.probabilities import as_probabilities
from ...edge.vision.preprocess import normalize
from ...train.backend import keras, set_seed
from ...train.config.recipe import Recipe, Schedule
from ...train.datasets.splits import TrainingData
from ...train.fit import schedule
from ...train.fit.callbacks import EpochProgress, StepCallback
from ...train.fit.loop import training_batches
from ...train.inputs.batches import Batches
from ...train.network.model import compile_model
from ..checkpoint import Checkpoint, State
from ..converters.tensorflow import to_int8
from .distillation_loss import compile_distilled, with_teacher
from .init_ranges import init_ranges
from .options import Distillation, QatOptions
from .rewrite import FloatBoundary, Treatment, rewrite

#: Batch normalizations keep their statistics in the last third of the epochs, so that the ranges behind them settle on
#: what is deployed (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2.2).
FROZEN = 1 / 3

#: Images on which the ranges of activations are settled before the first step.
INIT_IMAGES = 256


@dataclass(frozen=True)
class Fidelity:
    """How well a .tflite repeats the Keras model that it was converted from, on the validation role.

    Args:
        n: images.
        mean_difference, max_difference: of the probabilities, absolute.
        agreement: fraction with the same label.
    """

    n: int
    mean_difference: float
    max_difference: float
    agreement: float

    def __str__(self) -> str:
        return (
            f"mean difference {self.mean_difference:.4f}, largest {self.max_difference:.4f}, "
            f"agreement {self.agreement:.2%}, n = {self.n:,}"
        )


def fidelity(model: Any, path: Path, data: TrainingData) -> Fidelity:
    """Hold a .tflite against the Keras model that it was converted from.

    Args:
        model: with fake quantization.
        path: of the .tflite with its card.
        data: its validation role is used.
    """
    classifier = Classifier.open(path)
    pixels = data.validation.pixels(classifier.card.input)
    outputs = [
        model.predict_on_batch(normalize(pixels[start : start + 32], classifier.card.input))
        for start in range(0, len(pixels), 32)
    ]
    expected, found = as_probabilities(np.concatenate(outputs), classifier.card), classifier.predict(pixels)
    difference = np.abs(found - expected)
    agreement = (found.argmax(axis=1) == expected.argmax(axis=1)).mean()
    return Fidelity(len(pixels), float(difference.mean()), float(difference.max()), float(agreement))


def train_int8(
    model: Any,
    recipe: Recipe,
    data: TrainingData,
    options: QatOptions,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    quiet: bool = False,
) -> tuple[bytes, Any]:
    """From a trained float model to the bytes of an int8 .tflite.

    Args:
        model: the float model; not changed. It is the teacher when distilling.
        recipe, data, seed: with which it was trained.
        options: what the user chose.
        checkpoint: file that keeps the state after each epoch and goes when all is done; a training that was killed
            goes on from it.
        quiet: show no progress.

    Returns:
        The .tflite, full int8 but for what was skipped, and the Keras model that it was converted from.

    Raises:
        EdgeemoError: a layer cannot be quantized, or the conversion failed.
    """
    aware = quantization_aware(model, skip=options.skip)
    kept = Checkpoint(checkpoint, _key(model, recipe, data, options, seed)) if checkpoint else None
    fine_tune(aware, recipe, data, options=options, teacher=model, seed=seed, checkpoint=kept, quiet=quiet)
    flatbuffer = to_int8(aware, recipe.input, None, skip=options.skip)
    if kept is not None:
        kept.remove()
    return flatbuffer, aware


def _key(model: Any, recipe: Recipe, data: TrainingData, options: QatOptions, seed: int) -> str:
    digest = hashlib.sha256(f"{recipe.to_toml()}{data.hashes}{options}{seed}".encode())
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    return digest.hexdigest()


def quantization_aware(model: Any, *, skip: Collection[str] = ()) -> Any:
    """Rewrite a trained model and put fake quantization around its layers.

    Args:
        model: tf_keras Functional or Sequential; see :func:`edgeemo.optimize.qat.rewrite.rewrite`.
        skip: layers that stay in floating point.

    Returns:
        A new model with the trained weights and default 8-bit ranges (convolutions per channel).

    Raises:
        ModelError: a layer cannot be quantized; the message names it and the reason.
    """
    with warnings.catch_warnings():
        # Deprecations inside the library are not ours to hint.
        warnings.simplefilter("ignore")
        from tensorflow_model_optimization.python.core.quantization.keras import quantize as tfmot
        from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
            default_8bit_quantize_configs as configs,
        )

        from .depthwise_quantizer import DepthwisePerChannel
    rewritten = rewrite(model, skip=skip)
    made = {
        Treatment.DEFAULT: lambda: None,
        Treatment.NOTHING: configs.NoOpQuantizeConfig,
        Treatment.OUTPUT: configs.Default8BitOutputQuantizeConfig,
        Treatment.PER_CHANNEL: DepthwisePerChannel,
    }

    def annotate(layer: Any) -> Any:
        treatment = rewritten.treatments[layer.name]
        if treatment in (Treatment.FLOAT, Treatment.BOUNDARY):
            return layer.__class__.from_config(layer.get_config())
        return tfmot.quantize_annotate_layer(layer.__class__.from_config(layer.get_config()), made[treatment]())

    try:
        annotated = keras.models.clone_model(rewritten.model, clone_function=annotate)
        annotated.set_weights(rewritten.model.get_weights())
        with tfmot.quantize_scope({kind.__name__: kind for kind in (DepthwisePerChannel, FloatBoundary)}):
            return tfmot.quantize_apply(annotated)
    except (ValueError, RuntimeError, AttributeError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"{model.name} cannot be trained quantization-aware ({reason})",
            hint="use --method int8, or leave the named layer in floating point with --qat-skip LAYER",
        ) from error


def fine_tune(
    model: Any,
    recipe: Recipe,
    data: TrainingData,
    *,
    options: QatOptions | None = None,
    teacher: Any = None,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Train a quantization-aware model and leave it with the weights of its best epoch on the validation role.

    Args:
        model: from :func:`quantization_aware`; changed in place.
        recipe: the float model's; its ``qat`` section gives epochs and rate, the rest is as in the float training.
        data: the same roles as in the float training.
        options: what is chosen instead.
        teacher: the float model, which distillation needs.
        seed: of shuffling and augmentation.
        checkpoint: where the training begins, if it holds a state, and what it writes after each epoch.
        quiet: show no progress.

    Returns:
        The history, one row an epoch.
    """
    options = options or QatOptions()
    distillation = options.distillation or Distillation.of(recipe.qat)
    set_seed(seed)
    _compile(model, recipe, distillation)
    batches, validation = training_batches(recipe, data, seed=seed)
    epochs, steps = options.epochs or recipe.qat.epochs, min(options.steps or batches.steps, batches.steps)
    free = max(1, epochs - int(epochs * FROZEN))
    course = Schedule("cosine", epochs=epochs)
    pace = StepCallback(
        lambda done: schedule.learning_rate(course, recipe.qat.learning_rate, (), done),
        EpochProgress(epochs, steps, what="QAT epoch", quiet=quiet),
        steps,
    )
    tuner = _Tuner(model, recipe.early_stopping.monitor, pace, checkpoint)
    done = tuner.resume()
    if not done:
        init_ranges(model, _first_inputs(batches))
    for first, last in ((done, free), (max(done, free), epochs)):
        if first >= last:
            continue
        if first >= free:
            optimizer = model.optimizer
            freeze_statistics(model)
            _compile(model, recipe, distillation)
            # With the moments that it has gathered.
            model.optimizer = optimizer
        stream = batches.dataset(first)
        model.fit(
            stream if distillation is None else with_teacher(stream, teacher),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            validation_data=validation.dataset(),
            callbacks=[pace, tuner],
            verbose=0,
        )
    tuner.restore()
    return tuner.history


def _first_inputs(batches: Batches) -> list[np.ndarray]:
    """Inputs of the first epoch, as many images as settle the ranges."""
    count = max(2, -(-INIT_IMAGES // batches.batch))
    return [inputs for inputs, _, _ in itertools.islice(batches.epoch(0), count)]


def freeze_statistics(model: Any) -> None:
    """Let batch normalizations use their moving averages from now on; tfmot goes on training scale and offset.

    Args:
        model: with fake quantization; changed in place, and to be compiled afterwards.
    """
    for layer in model.layers:
        if isinstance(getattr(layer, "layer", None), keras.layers.BatchNormalization):
            layer.trainable = False


def _compile(model: Any, recipe: Recipe, distillation: Distillation | None) -> None:
    compile_model(model, recipe, learning_rate=recipe.qat.learning_rate)
    if distillation is not None:
        compile_distilled(model, distillation)


class _Tuner(keras.callbacks.Callback):
    """Keeps the best weights, and the state after each epoch."""

    def __init__(self, model: Any, monitor: str, pace: StepCallback, checkpoint: Checkpoint | None) -> None:
        super().__init__()
        self.monitor, self.pace, self.checkpoint = monitor, pace, checkpoint
        model.optimizer.build(model.trainable_variables)
        # Freezing a layer changes the order in which the model lists its weights; this one stays.
        self.variables, self.optimizer = list(model.variables), list(model.optimizer.variables)
        self.best: list[np.ndarray] = []
        self.history: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = self.pace.row(logs)
        self.history.append(row)
        best = schedule.best_epoch(self.history, self.monitor) == epoch
        if best or self.checkpoint is not None:
            now = [variable.numpy() for variable in self.variables]
            self.best = now if best else self.best
            if self.checkpoint is not None:
                optimizer = [variable.numpy() for variable in self.optimizer]
                self.checkpoint.save(State(self.history, now, self.best, optimizer))
        self.pace.progress.epoch(epoch, row)

    def resume(self) -> int:
        """Take up the state of the checkpoint, if there is one. Returns the finished epochs."""
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is None:
            return 0
        self.history, self.best = state.history, state.best
        _assign(self.variables, state.variables)
        _assign(self.optimizer, state.optimizer)
        return len(self.history)

    def restore(self) -> None:
        """Give the model the weights of its best epoch."""
        _assign(self.variables, self.best)


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
