"""Quantization: from a float model to a .tflite with its card, compared with the float model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.common.console import Progress
from ..edge.common.errors import DataError, ModelError
from ..edge.common.proportion import Accuracy
from ..edge.inference.classifier import Classifier
from ..edge.model.card import ModelCard, Quantization, write_model
from ..edge.model.zoo import FOLDER
from ..edge.tflite.graph import read_graph
from ..train.datasets.dataset import Dataset
from ..train.datasets.splits import TrainingData, calibration_set, stratified
from ..train.evaluation.predictor import open_predictor
from ..train.fit.run import Run
from .converters.gptq import round_weights
from .converters.representative_set import calibration_pixels
from .float_model import RUN, FloatModel
from .graph.verify import verify_granularity
from .methods import METHODS, Job, Method, engine
from .options import MixedPrecisionOptions, QuantizeOptions
from .qat.train import Fidelity, fidelity
from .sensitivity.mixed_precision import MixedPrecision, find_mixed_precision
from .validation import AccuracyChange, compare_accuracy

#: A slow method's kernels take some 0.4 ns for each MAC. So many validation images are enough to compare its model, and
#: as few as cost so many MACs together (a quarter of an hour).
_SLOW_LEAST, _SLOW_IMAGES, _SLOW_MACS = 20, 500, 2e12


@dataclass(frozen=True)
class Quantized:
    """A quantized model, compared with its float model.

    Args:
        path: the .tflite with its card.
        card: the card.
        accuracy_change: from the float model to this one on the validation split; None without data.
        difference: mean absolute difference of their probabilities; NaN without data.
        fidelity: to the Keras model that was converted, after quantization-aware training.
    """

    path: Path
    card: ModelCard
    accuracy_change: AccuracyChange | None = None
    difference: float = float("nan")
    fidelity: Fidelity | None = None

    @property
    def compared(self) -> AccuracyChange:
        """Change of accuracy, for a model that was compared."""
        if self.accuracy_change is None:
            raise ModelError(f"{self.path} was not compared with the float model", hint="give --data")
        return self.accuracy_change

    @property
    def reference(self) -> Accuracy:
        """Accuracy of the float model on the validation split."""
        return self.compared.reference

    @property
    def accuracy(self) -> Accuracy:
        """Accuracy of this model on the validation split."""
        return self.compared.candidate

    @property
    def agreement(self) -> float:
        """Fraction of the validation split on which both give the same label."""
        return self.compared.agreement


def quantize(
    float_model: FloatModel | Run,
    method: str,
    out: Path,
    options: QuantizeOptions | None = None,
    *,
    data: TrainingData | None = None,
    quiet: bool = False,
) -> Quantized:
    """Quantize a float model.

    Args:
        float_model: a finished run, or what :func:`edgeemo.optimize.float_model.open_float_model` has opened.
        method: one of :data:`edgeemo.optimize.methods.METHODS`.
        out: file for the .tflite.
        options: options of the quantization.
        data: splits to calibrate, train and compare with, as from :func:`edgeemo.optimize.data_splits.model_splits`;
            methods that neither calibrate nor train do without.
        quiet: show no progress.

    Raises:
        ModelError: unknown method, unfinished run, no data, or a model that cannot be converted.
    """
    chosen, options = METHODS.load(method), options or QuantizeOptions()
    chosen.check(options)
    model = FloatModel.of_run(float_model) if isinstance(float_model, Run) else float_model
    if data is None and (chosen.calibrated or chosen.trains):
        without = [name for name in METHODS.builtin if not METHODS.load(name).calibrated | METHODS.load(name).trains]
        raise DataError(
            f"{method} needs faces to {'train on' if chosen.trains else 'calibrate on'}",
            expected="faces of the kind the model was trained on",
            hint=f"give them with --data; {', '.join(without[:-1])} and {without[-1]} do without",
        )
    recorded = Quantization(method, per_channel=options.per_channel if chosen.has_scales else None)
    pixels = None
    if chosen.calibrated and data is not None:
        faces, pixels = calibrated_on(model, data, options.calibration_size)
        recorded = replace(recorded, **_calibration(faces, model), ranges=options.calibration_method)
    elif chosen.trains and data is not None:
        # The ranges are learned from every training image, and each channel has its own.
        recorded = replace(recorded, **_calibration(data.train, model), per_channel=True)
    made = chosen.convert(Job(model, out, options, data, pixels, quiet))
    flatbuffer = made.flatbuffer
    chosen.verify(read_graph(flatbuffer), options)
    if pixels is not None:
        verify_granularity(flatbuffer, per_channel=options.per_channel)
    if options.rounding != "nearest" and pixels is not None:
        flatbuffer = round_weights(flatbuffer, model.float_flatbuffer(), model.card.input, pixels)
        recorded = replace(recorded, rounding=options.rounding)
    if made.notes:
        model = replace(model, card=replace(model.card, notes=" ".join(filter(None, (model.card.notes, made.notes)))))
    result = write_compared(model, flatbuffer, replace(recorded, engine=made.engine), out, data)
    if made.trained is not None and data is not None:
        result = replace(result, fidelity=fidelity(made.trained, out, data))
    return result


def _calibration(faces: Dataset, float_model: FloatModel) -> dict[str, Any]:
    return {
        "calibration_hash": faces.content_hash,
        "calibration_size": len(faces),
        "calibration_seed": float_model.seed,
    }


def write_compared(
    float_model: FloatModel, flatbuffer: bytes, recorded: Quantization, out: Path, data: TrainingData | None
) -> Quantized:
    """Write a converted model with its card, and compare it with the float model where there is data.

    The figures go into the card only when the validation split is that of a run: images that a third-party model may
    have been trained on prove nothing.
    """
    method = recorded.method
    card = replace(float_model.card, name=f"{float_model.card.name}-{method}", quantization=recorded)
    write_model(out, flatbuffer, card)
    if data is None:
        return Quantized(out, card)
    validation = data.validation.relabeled(card.labels)
    if METHODS.load(method).slow:
        validation = stratified(validation, slow_images(read_graph(flatbuffer, str(out)).macs))
    result = _compare(out, float_model, validation)
    if float_model.recipe is None:
        return result
    figure = {"data": validation.name, "split": "validation", **result.accuracy.to_dict()}
    card = card.with_metric(f"{method} validation", figure)
    write_model(out, flatbuffer, card)
    return replace(result, card=card)


def slow_images(macs: int) -> int:
    """Return how many images a model of so many MACs is compared on with unoptimized kernels."""
    return max(_SLOW_LEAST, min(_SLOW_IMAGES, int(_SLOW_MACS / max(1, macs))))


def calibrated_on(float_model: FloatModel, data: TrainingData, size: int) -> tuple[Dataset, np.ndarray]:
    """Return a calibration set, drawn from the training split, and its pixels fitted to the model's input."""
    chosen = calibration_set(data.train, size=size, seed=float_model.seed)
    return chosen, calibration_pixels(chosen, float_model.card.input)


def _compare(path: Path, float_model: FloatModel, validation: Dataset) -> Quantized:
    pixels = validation.pixels(float_model.card.input)
    classifier = Classifier.open(path)
    ours, theirs = classifier.predict(pixels), float_model.predictor().predict(pixels)
    report = compare_accuracy(validation.targets, theirs, ours, classifier.card.labels)
    return Quantized(path, classifier.card, report, float(np.abs(ours - theirs).mean()))


def default_path(float_model: FloatModel, method: str) -> Path:
    """Return the .tflite to write where none was named: beside the model, or in a run its folder."""
    folder = float_model.path if float_model.kind == RUN else float_model.path.parent
    if folder.is_relative_to(FOLDER):
        # The package's own folder is no place for what somebody makes of its models.
        folder = Path()
    return folder / f"{float_model.card.name}-{method}.tflite"


def quantize_mixed_precision(
    float_model: FloatModel,
    method: Method,
    out: Path,
    options: QuantizeOptions,
    *,
    data: TrainingData,
    max_drop: float,
    kept_in: str = "float32",
    quiet: bool = False,
) -> tuple[Quantized, MixedPrecision]:
    """Quantize to int8 with as many operators kept out of it as the gate needs.

    See :func:`edgeemo.optimize.sensitivity.mixed_precision.find_mixed_precision`.

    Args:
        float_model: model to quantize.
        method: a method whose operators can be kept out of int8.
        out: file for the .tflite.
        options: options of the quantization.
        data: calibration faces come from the training split, every choice is made on the validation split.
        max_drop: accuracy that may be lost at the upper 95 % bound, percentage points.
        kept_in: one of :data:`edgeemo.optimize.options.KEPT_IN`.
        quiet: show no progress.
    """
    faces, pixels = calibrated_on(float_model, data, options.calibration_size)
    with Progress(quiet=quiet) as display:
        mixed = find_mixed_precision(
            float_model,
            pixels,
            data.validation,
            MixedPrecisionOptions(max_drop, kept_in, method.float_io, options.per_channel, options.rounding),
            progress=display.update,
        )
    recorded = Quantization(
        method.name,
        **_calibration(faces, float_model),
        ranges=mixed.ranges,
        per_channel=options.per_channel,
        rounding="" if mixed.rounding == "nearest" else mixed.rounding,
        kept=mixed.kept,
        engine=engine("ai-edge-quantizer"),
    )
    return write_compared(float_model, mixed.model, recorded, out, data), mixed


def advice(
    float_model: FloatModel, result: Quantized, mixed: MixedPrecision | None, max_drop: float, data: TrainingData
) -> str:
    """Return what else would pass the gate, or may be tried.

    A quantization-aware model that is in the run folder already is measured; otherwise it is suggested.
    """
    method = METHODS.load(result.card.quantization.method)
    made = float_model.path / f"{float_model.card.name}-qat.tflite"
    if float_model.kind == RUN and not method.trains and made.is_file():
        pixels = data.validation.pixels(float_model.card.input)
        reference, candidate = float_model.predictor().predict(pixels), open_predictor(made).predict(pixels)
        worst = compare_accuracy(data.validation.targets, reference, candidate, float_model.card.labels).worst_loss
        if worst <= max_drop:
            return f"{made} passes with no float operator: it loses at most {worst:.2f} points on the same images"
        return f"{made} does not pass either: it loses up to {worst:.2f} points on the same images"
    if mixed is None and method.mixed_precision:
        return (
            "keep the worst operators out of int8 with --mixed-precision, or train quantization-aware with --method qat"
        )
    if float_model.trainable and not method.trains:
        recipe = "" if float_model.recipe else " --recipe NAME"
        return f"quantization-aware training may do without float operators: --method qat{recipe}"
    return "allow a larger --max-drop, measure on more faces, or train longer"
