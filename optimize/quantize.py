"""A trained model to a .tflite: float, post-training quantized, or int8 after quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..edge.common.console import Progress
from ..edge.common.errors import ModelError, OptionError
from ..edge.common.proportion import Accuracy
from ..edge.inference.classifier import Classifier
from ..edge.model.card import ModelCard, Quantization, write_model
from ..edge.tflite.graph import read_graph
from ..train.datasets.dataset import Dataset
from ..train.datasets.splits import TrainingData, calibration_set, stratified
from ..train.evaluation.predictor import open_predictor
from ..train.fit.run import Run
from .converters.activation_ranges import CALIBRATION_METHODS, observe_activations
from .converters.ai_edge import SelectiveQuantizer, quantize_weights
from .converters.gptq import ROUNDINGS, round_weights
from .converters.representative_set import calibration_pixels
from .converters.tensorflow import convert
from .float_model import KERAS3, RUN, FloatModel
from .graph.verify import verify_granularity, verify_method
from .qat.options import QatOptions
from .qat.train import Fidelity, fidelity, train_int8
from .sensitivity.mixed_precision import MixedPrecision, find_mixed_precision
from .validation import AccuracyChange, compare_accuracy

__all__ = ["CALIBRATED", "METHODS", "Quantized", "check_method", "quantize", "write_compared"]

METHODS = ("float32", "float16", "dynamic", "int8", "int8-float-io", "int16x8", "qat")
#: Methods whose ranges of activations come from calibration faces.
CALIBRATED = ("int8", "int8-float-io", "int16x8")
#: Methods that leave weights without a scale.
_WITHOUT_SCALES = ("float32", "float16")
#: Methods whose kernels are unoptimized, some 0.4 ns for each MAC: so many images of the validation role are enough,
#: and as few as cost so many MACs together (a quarter of an hour).
_SLOW = ("int16x8",)
_SLOW_LEAST, _SLOW_IMAGES, _SLOW_MACS = 20, 500, 2e12


@dataclass(frozen=True)
class Quantized:
    """What :func:`quantize` has made.

    Args:
        path: the .tflite with its card.
        card: the card.
        drift: the float model against this one on the validation role; None without data.
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
        """The drift, for those who gave data."""
        if self.accuracy_change is None:
            raise ModelError(f"{self.path} was not compared with the float model", hint="give --data")
        return self.accuracy_change

    @property
    def reference(self) -> Accuracy:
        """Of the float model on the validation role."""
        return self.compared.reference

    @property
    def accuracy(self) -> Accuracy:
        """Of this model on the validation role."""
        return self.compared.candidate

    @property
    def agreement(self) -> float:
        """Fraction of the validation role on which both give the same label."""
        return self.compared.agreement


def quantize(
    float_model: FloatModel | Run,
    method: str,
    out: Path,
    *,
    data: TrainingData | None = None,
    calibration_size: int = 500,
    calibration_method: str = "minmax",
    rounding: str = "nearest",
    per_channel: bool = True,
    qat: QatOptions | None = None,
    quiet: bool = False,
) -> Quantized:
    """Convert a float model.

    Args:
        float_model: a finished run, or what :func:`edgeemo.optimize.float_model.open_float_model` has opened.
        method: one of :data:`METHODS`.
        out: file for the .tflite.
        data: splits to calibrate, train and compare with, as from :func:`edgeemo.optimize.data_splits.model_splits`;
            methods that neither calibrate nor train do without.
        calibration_size: training faces for post-training calibration, stratified by class.
        calibration_method: how activation ranges are estimated from them, one of
            :data:`edgeemo.optimize.converters.activation_ranges.CALIBRATION_METHODS`.
        rounding: of the weights, one of :data:`edgeemo.optimize.converters.gptq.ROUNDINGS`.
        per_channel: a scale for each output channel of the weights.
        qat: what is chosen of quantization-aware training.
        quiet: show no progress.

    Raises:
        ModelError: unknown method, unfinished run, no data, or a model that cannot be converted.
    """
    check_method(method, calibration_method, rounding)
    float_model = FloatModel.of_run(float_model) if isinstance(float_model, Run) else float_model
    if data is None and method in (*CALIBRATED, "qat"):
        raise ModelError(
            f"{method} needs faces to {'train on' if method == 'qat' else 'calibrate on'}",
            expected="faces of the kind the model was trained on",
            hint="give them with --data; float32, float16 and dynamic do without",
        )
    if method == "qat":
        assert data is not None
        return _quantization_aware(float_model, out, data, qat or QatOptions(), quiet)
    flatbuffer, recorded = _post_training(
        float_model, method, data, calibration_size, calibration_method, rounding, per_channel
    )
    return write_compared(float_model, flatbuffer, recorded, out, data)


def check_method(method: str, calibration_method: str = "minmax", rounding: str = "nearest") -> None:
    """Raises:
    ModelError: unknown, or an estimator where there is nothing to estimate, or a rounding where no faces are seen.
    """
    if method not in METHODS:
        raise OptionError("unknown method", expected="one of " + ", ".join(METHODS), got=repr(method))
    if calibration_method not in CALIBRATION_METHODS:
        raise OptionError(
            "unknown calibration method",
            expected="one of " + ", ".join(CALIBRATION_METHODS),
            got=repr(calibration_method),
        )
    if calibration_method != "minmax" and method not in ("int8", "int8-float-io"):
        raise ModelError(
            f"{method} has no activation ranges to estimate",
            expected=f"--calibration-method {calibration_method} with int8 or int8-float-io",
        )
    if rounding not in ROUNDINGS:
        raise OptionError("unknown rounding", expected="one of " + ", ".join(ROUNDINGS), got=repr(rounding))
    if rounding != "nearest" and method not in CALIBRATED:
        raise ModelError(
            f"{method} does not look at faces, by which weights could be rounded",
            expected=f"--rounding {rounding} with {', '.join(CALIBRATED)}",
        )


def write_compared(
    float_model: FloatModel, flatbuffer: bytes, recorded: Quantization, out: Path, data: TrainingData | None
) -> Quantized:
    """Write a converted model with its card, and compare it with the float model where there is data.

    The figures go into the card only when the validation role is that of a run: images that somebody else's model
    may have been trained on prove nothing.
    """
    method = recorded.method
    card = replace(float_model.card, name=f"{float_model.card.name}-{method}", quantization=recorded)
    write_model(out, flatbuffer, card)
    if data is None:
        return Quantized(out, card)
    validation = data.validation.relabeled(card.labels)
    if method in _SLOW:
        validation = stratified(validation, slow_images(read_graph(flatbuffer, str(out)).macs))
    result = _compare(out, float_model, validation)
    if float_model.recipe is None:
        return result
    figure = {"data": validation.name, "split": "validation", **result.accuracy.to_dict()}
    card = card.with_metric(f"{method} validation", figure)
    write_model(out, flatbuffer, card)
    return replace(result, card=card)


def slow_images(macs: int) -> int:
    """On how many images a model of so many MACs is compared by unoptimized kernels."""
    return max(_SLOW_LEAST, min(_SLOW_IMAGES, int(_SLOW_MACS / max(1, macs))))


def calibrated_on(float_model: FloatModel, data: TrainingData, size: int) -> tuple[Dataset, np.ndarray]:
    """The calibration set, drawn from the training role by the source's seed, and its pixels fitted to the model."""
    chosen = calibration_set(data.train, size=size, seed=float_model.seed)
    return chosen, calibration_pixels(chosen, float_model.card.input)


def _quantization_aware(
    float_model: FloatModel, out: Path, data: TrainingData, qat: QatOptions, quiet: bool
) -> Quantized:
    if not float_model.trainable or float_model.recipe is None:
        raise ModelError(
            f"{float_model.path} cannot be trained quantization-aware",
            expected="a run, or a model of tf_keras with a recipe that tells how to train it (--recipe)",
            got=float_model.kind,
            hint="use --method int8, or build the network with tf_keras (Keras 2) and copy its weights"
            if float_model.kind == KERAS3
            else "use --method int8, or give the run folder",
        )
    kept = out.with_name(f".{out.stem}-training")
    flatbuffer, aware = train_int8(
        float_model.model,
        qat.recipe(float_model.recipe),
        data,
        qat,
        seed=float_model.seed,
        checkpoint=kept,
        quiet=quiet,
    )
    float_model = replace(
        float_model, card=replace(float_model.card, notes=" ".join(filter(None, (float_model.card.notes, qat.note))))
    )
    # The ranges were learned from every training image.
    recorded = Quantization("qat", data.train.content_hash, len(data.train), float_model.seed, per_channel=True)
    result = write_compared(float_model, flatbuffer, recorded, out, data)
    return replace(result, fidelity=fidelity(aware, out, data))


def _post_training(
    float_model: FloatModel,
    method: str,
    data: TrainingData | None,
    size: int,
    calibration_method: str,
    rounding: str,
    per_channel: bool,
) -> tuple[bytes, Quantization]:
    flatbuffer, recorded, pixels = _converted(float_model, method, data, size, calibration_method, per_channel)
    if rounding != "nearest" and pixels is not None:
        flatbuffer = round_weights(flatbuffer, float_model.float_flatbuffer(), float_model.card.input, pixels)
        recorded = replace(recorded, rounding=rounding)
    return flatbuffer, recorded


def _converted(
    float_model: FloatModel,
    method: str,
    data: TrainingData | None,
    size: int,
    calibration_method: str,
    per_channel: bool,
) -> tuple[bytes, Quantization, np.ndarray | None]:
    spec, pixels = float_model.card.input, None
    recorded = Quantization(method, per_channel=None if method in _WITHOUT_SCALES else per_channel)
    if method in CALIBRATED:
        assert data is not None
        chosen, pixels = calibrated_on(float_model, data, size)
        recorded = replace(
            recorded,
            calibration_hash=chosen.content_hash,
            calibration_size=len(chosen),
            calibration_seed=float_model.seed,
            ranges=calibration_method,
        )
    if float_model.model is not None and calibration_method == "minmax":
        return convert(float_model.model, spec, method, pixels, per_channel=per_channel), recorded, pixels
    model = float_model.float_flatbuffer()
    if method == "float32":
        flatbuffer = model
    elif pixels is None:
        flatbuffer = quantize_weights(model, method, per_channel=per_channel)
    else:
        seen = observe_activations(model, spec, pixels)
        flatbuffer = SelectiveQuantizer(
            model, {name: found.clip_range(calibration_method) for name, found in seen.items()}
        ).quantize(
            float_io=method == "int8-float-io", activations=16 if method == "int16x8" else 8, per_channel=per_channel
        )
        verify_granularity(flatbuffer, per_channel=per_channel)
    verify_method(flatbuffer, method)
    return flatbuffer, recorded, pixels


def _compare(path: Path, float_model: FloatModel, validation: Dataset) -> Quantized:
    pixels = validation.pixels(float_model.card.input)
    classifier = Classifier.open(path)
    ours, theirs = classifier.predict(pixels), float_model.predictor().predict(pixels)
    report = compare_accuracy(validation.targets, theirs, ours, classifier.card.labels)
    return Quantized(path, classifier.card, report, float(np.abs(ours - theirs).mean()))


def quantize_mixed_precision(
    float_model: FloatModel,
    method: str,
    out: Path,
    *,
    data: TrainingData,
    max_drop: float,
    kept_in: str = "float32",
    calibration_size: int = 500,
    per_channel: bool = True,
    rounding: str = "nearest",
    quiet: bool = False,
) -> tuple[Quantized, MixedPrecision]:
    """Quantize to int8 with as many operators spared as the gate needs; see
    :func:`edgeemo.optimize.sensitivity.mixed_precision.find_mixed_precision`.

    Args:
        float_model: the float model.
        method: ``int8`` or ``int8-float-io``.
        out: file for the .tflite.
        data: calibration faces come from the training role, every choice hangs on the validation role.
        max_drop: accuracy that may be lost at the upper 95 % bound, percentage points.
        kept_in: ``float32`` or ``int16``.
        calibration_size: training faces, stratified by class.
        per_channel: a scale for each output channel of the weights.
        rounding: of the weights, to begin with.
        quiet: show no progress.
    """
    chosen, pixels = calibrated_on(float_model, data, calibration_size)
    with Progress(quiet=quiet) as display:
        mixed = find_mixed_precision(
            float_model,
            pixels,
            data.validation,
            max_drop=max_drop,
            kept_in=kept_in,
            float_io=method == "int8-float-io",
            per_channel=per_channel,
            rounding=rounding,
            progress=display.update,
        )
    recorded = Quantization(
        method,
        chosen.content_hash,
        len(chosen),
        float_model.seed,
        ranges=mixed.ranges,
        per_channel=per_channel,
        rounding="" if mixed.rounding == "nearest" else mixed.rounding,
        kept=mixed.kept,
    )
    return write_compared(float_model, mixed.model, recorded, out, data), mixed


def advice(
    float_model: FloatModel, result: Quantized, mixed: MixedPrecision | None, max_drop: float, data: TrainingData
) -> str:
    """What else would pass the gate, or may be tried.

    A quantization-aware model that stands in the run folder already is measured; otherwise it is a suggestion.
    """
    method = result.card.quantization.method
    made = float_model.path / f"{float_model.card.name}-qat.tflite"
    if float_model.kind == RUN and method != "qat" and made.is_file():
        pixels = data.validation.pixels(float_model.card.input)
        reference, candidate = float_model.predictor().predict(pixels), open_predictor(made).predict(pixels)
        worst = compare_accuracy(data.validation.targets, reference, candidate, float_model.card.labels).worst_loss
        if worst <= max_drop:
            return f"{made} passes with no float operator: it loses at most {worst:.2f} points on the same images"
        return f"{made} does not pass either: it loses up to {worst:.2f} points on the same images"
    if mixed is None and method in ("int8", "int8-float-io"):
        return (
            "keep the worst operators out of int8 with --mixed-precision, or train quantization-aware with --method qat"
        )
    if float_model.trainable and method != "qat":
        recipe = "" if float_model.recipe else " --recipe NAME"
        return f"quantization-aware training may do without float operators: --method qat{recipe}"
    return "allow a larger --max-drop, measure on more faces, or train longer"
