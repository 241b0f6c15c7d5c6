"""Quantization-aware training: fake quantization in the rewritten float graph, then a few epochs at a low rate."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.inference.classifier import Classifier
from ...edge.inference.probabilities import as_probabilities
from ...edge.tflite.graph import read_graph
from ...edge.vision.preprocess import normalize
from ...train.backend import keras, set_seed
from ...train.checkpoint import Checkpoints
from ...train.config.recipe import EarlyStopping, Recipe, Schedule
from ...train.datasets.splits import TrainingData
from ...train.fit import schedule
from ...train.fit.loop import Plan, Trained, TrainingLoop, training_batches
from ...train.inputs.batches import Batches
from ...train.network.model import compile_model
from ..converters.tensorflow import to_trained_int8
from ..graph.verify import verify_full_int8, verify_skipped
from .distillation_loss import compile_distilled, with_teacher
from .init_ranges import init_ranges
from .options import Distillation, QatOptions
from .rewrite import FloatBoundary, Treatment, rewrite

#: Batch normalizations keep their statistics in the last third of the epochs, so that the ranges behind them settle on
#: what is deployed (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2.2).
FROZEN = 1 / 3

#: Images on which the ranges of activations are initialized.
INIT_IMAGES = 256


@dataclass(frozen=True)
class Fidelity:
    """Difference of a .tflite from the Keras model that it was converted from, on the validation split.

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
    """Compare a .tflite with the Keras model that it was converted from.

    Args:
        model: with fake quantization.
        path: .tflite with its card.
        data: splits of the training; the validation split is used.
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
    """Train a float model quantization-aware and convert it to int8.

    Args:
        model: the float model; not changed. It is the teacher when distilling.
        recipe, data, seed: as in the float training.
        options: options of the training.
        checkpoint: folder for the state after each epoch, removed at the end; an interrupted training resumes from it.
        quiet: show no progress.

    Returns:
        The .tflite, full int8 but for what was skipped, and the Keras model that it was converted from.

    Raises:
        EdgeemoError: a layer cannot be quantized, or the conversion failed.
    """
    aware = quantization_aware(model, skip=options.skip)
    kept = Checkpoints(checkpoint, _key(model, recipe, data, options, seed)) if checkpoint else None
    fine_tune(aware, recipe, data, options=options, teacher=model, seed=seed, checkpoints=kept, quiet=quiet)
    flatbuffer = to_trained_int8(aware, recipe.input)
    if options.skip:
        verify_skipped(read_graph(flatbuffer), options.skip)
    else:
        verify_full_int8(flatbuffer)
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
    checkpoints: Checkpoints | None = None,
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Train a quantization-aware model and leave it with the weights of its best epoch on the validation split.

    Args:
        model: from :func:`quantization_aware`; changed in place.
        recipe: the float model's; its ``qat`` section gives epochs and rate, the rest is as in the float training.
        data: the same splits as in the float training.
        options: what is chosen instead.
        teacher: the float model, which distillation needs.
        seed: of shuffling and augmentation.
        checkpoints: folder to resume from, if it holds a state, and to save each epoch to.
        quiet: show no progress.

    Returns:
        The history, one row an epoch.
    """
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoints(Path(folder))
            return fine_tune(
                model, recipe, data, options=options, teacher=teacher, seed=seed, checkpoints=kept, quiet=quiet
            )
    options = options or QatOptions()
    distillation = options.distillation or Distillation.of(recipe.qat)
    set_seed(seed)
    trained = Trained(model)
    _compile(model, recipe, distillation)
    batches, validation = training_batches(recipe, data, seed=seed)
    epochs, steps = options.epochs or recipe.qat.epochs, min(options.steps or batches.steps, batches.steps)
    free = max(1, epochs - int(epochs * FROZEN))
    loop = TrainingLoop(
        batches=batches,
        validation=validation,
        steps=steps,
        # So few epochs are all run, and the best is the result.
        stopping=EarlyStopping(monitor=recipe.early_stopping.monitor),
        checkpoints=checkpoints,
        what="QAT epoch",
        quiet=quiet,
        stream=lambda stream: stream if distillation is None else with_teacher(stream, teacher),
    )
    if state := checkpoints.latest():
        loop.history = state.history
        trained.restore(state)
        trained.restore_optimizer(state)
    else:
        init_ranges(model, _first_inputs(batches))
    course = Schedule("cosine", epochs=epochs)

    def rate(done: float) -> float:
        return schedule.learning_rate(course, recipe.qat.learning_rate, (), done)

    for end in (free, epochs):
        if len(loop.history) >= end:
            continue
        if len(loop.history) >= free:
            optimizer = model.optimizer
            freeze_statistics(model)
            _compile(model, recipe, distillation)
            # With the moments that it has gathered.
            model.optimizer = optimizer
        loop.fit(trained, Plan(end, epochs, rate, "qat.learning_rate"))
    trained.restore(checkpoints.load(loop.kept_epoch))
    return loop.history


def _first_inputs(batches: Batches) -> list[np.ndarray]:
    """Return inputs of the first epoch, as many as initialize the ranges."""
    count = max(2, -(-INIT_IMAGES // batches.batch))
    return [inputs for inputs, _, _ in itertools.islice(batches.epoch(0), count)]


def freeze_statistics(model: Any) -> None:
    """Freeze the statistics of batch normalizations; scale and offset are still trained.

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
