"""A trained model to a .tflite: float, post-training quantized, or int8 after quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..edge.common.errors import EdgeemoError
from ..edge.common.proportion import Accuracy
from ..edge.inference.classifier import Classifier
from ..edge.model.card import ModelCard, Quantization, write_model
from ..edge.tflite.graph import read_graph
from ..train.datasets.dataset import Dataset
from ..train.datasets.splits import TrainingData, calibration_set, stratified
from ..train.fit.run import Run
from .converters.activation_ranges import ESTIMATORS, observe
from .converters.ai_edge import Selective, weights_only
from .converters.gptq import ROUNDINGS, compensated
from .converters.representative_set import calibration_pixels
from .converters.tensorflow import convert
from .data_roles import training_roles
from .float_model import KERAS3, Source
from .graph.verify import require_granularity, require_promise
from .qat.options import QatOptions
from .qat.train import Fidelity, fidelity, train_int8
from .validation import Drift, drift

__all__ = ["CALIBRATED", "METHODS", "Quantized", "check_method", "quantize", "training_roles", "write_compared"]

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
    drift: Drift | None = None
    difference: float = float("nan")
    fidelity: Fidelity | None = None

    @property
    def compared(self) -> Drift:
        """The drift, for those who gave data."""
        if self.drift is None:
            raise EdgeemoError(f"{self.path} was not compared with the float model", hint="give --data")
        return self.drift

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
    source: Source | Run,
    method: str,
    out: Path,
    *,
    data: TrainingData | None = None,
    calibration_size: int = 500,
    ranges: str = "minmax",
    rounding: str = "nearest",
    per_channel: bool = True,
    qat: QatOptions | None = None,
    quiet: bool = False,
) -> Quantized:
    """Convert a float model.

    Args:
        source: a finished run, or what :func:`edgeemo.optimize.float_model.open_source` has opened.
        method: one of :data:`METHODS`.
        out: file for the .tflite.
        data: the roles with which a run was trained, see :func:`training_roles`; of other sources, roles drawn from
            faces of the kind they were trained on. Methods that calibrate nothing do without.
        calibration_size: training faces for post-training calibration, stratified by class.
        ranges: how ranges are estimated from them, one of
            :data:`edgeemo.optimize.converters.activation_ranges.ESTIMATORS`.
        rounding: of the weights, one of :data:`edgeemo.optimize.converters.gptq.ROUNDINGS`.
        per_channel: a scale for each output channel of the weights.
        qat: what is chosen of quantization-aware training.
        quiet: show no progress.

    Raises:
        EdgeemoError: unknown method, unfinished run, no data, or a model that cannot be converted.
    """
    check_method(method, ranges, rounding)
    source = Source.of_run(source) if isinstance(source, Run) else source
    if data is None and method in (*CALIBRATED, "qat"):
        raise EdgeemoError(
            f"{method} needs faces to {'train on' if method == 'qat' else 'calibrate on'}",
            expected="faces of the kind the model was trained on",
            hint="give them with --data; float32, float16 and dynamic do without",
        )
    if method == "qat":
        assert data is not None
        return _quantization_aware(source, out, data, qat or QatOptions(), quiet)
    flatbuffer, recorded = _post_training(source, method, data, calibration_size, ranges, rounding, per_channel)
    return write_compared(source, flatbuffer, recorded, out, data)


def check_method(method: str, ranges: str = "minmax", rounding: str = "nearest") -> None:
    """Raises:
    EdgeemoError: unknown, or an estimator where there is nothing to estimate, or a rounding where no faces are seen.
    """
    if method not in METHODS:
        raise EdgeemoError("unknown method", expected="one of " + ", ".join(METHODS), got=repr(method))
    if ranges not in ESTIMATORS:
        raise EdgeemoError("unknown estimator of ranges", expected="one of " + ", ".join(ESTIMATORS), got=repr(ranges))
    if ranges != "minmax" and method not in ("int8", "int8-float-io"):
        raise EdgeemoError(
            f"{method} has no ranges to be clipped", expected=f"--ranges {ranges} with int8 or int8-float-io"
        )
    if rounding not in ROUNDINGS:
        raise EdgeemoError("unknown rounding", expected="one of " + ", ".join(ROUNDINGS), got=repr(rounding))
    if rounding != "nearest" and method not in CALIBRATED:
        raise EdgeemoError(
            f"{method} does not look at faces, by which weights could be rounded",
            expected=f"--rounding {rounding} with {', '.join(CALIBRATED)}",
        )


def write_compared(
    source: Source, flatbuffer: bytes, recorded: Quantization, out: Path, data: TrainingData | None
) -> Quantized:
    """Write a converted model with its card, and compare it with the float model where there is data.

    The figures go into the card only when the validation role is that of a run: images that somebody else's model
    may have been trained on prove nothing.
    """
    method = recorded.method
    card = replace(source.card, name=f"{source.card.name}-{method}", quantization=recorded)
    write_model(out, flatbuffer, card)
    if data is None:
        return Quantized(out, card)
    validation = data.validation.relabeled(card.labels)
    if method in _SLOW:
        validation = stratified(validation, slow_images(read_graph(flatbuffer, str(out)).macs))
    result = _compare(out, source, validation)
    if source.recipe is None:
        return result
    figure = {"data": validation.name, "split": "validation", **result.accuracy.to_dict()}
    card = card.with_metric(f"{method} validation", figure)
    write_model(out, flatbuffer, card)
    return replace(result, card=card)


def slow_images(macs: int) -> int:
    """On how many images a model of so many MACs is compared by unoptimized kernels."""
    return max(_SLOW_LEAST, min(_SLOW_IMAGES, int(_SLOW_MACS / max(1, macs))))


def calibrated_on(source: Source, data: TrainingData, size: int) -> tuple[Dataset, np.ndarray]:
    """The calibration set, drawn from the training role by the source's seed, and its pixels fitted to the model."""
    chosen = calibration_set(data.train, size=size, seed=source.seed)
    return chosen, calibration_pixels(chosen, source.card.input)


def _quantization_aware(source: Source, out: Path, data: TrainingData, qat: QatOptions, quiet: bool) -> Quantized:
    if not source.trainable or source.recipe is None:
        raise EdgeemoError(
            f"{source.path} cannot be trained quantization-aware",
            expected="a run, or a model of tf_keras with a recipe that tells how to train it (--recipe)",
            got=source.kind,
            hint="use --method int8, or build the network with tf_keras (Keras 2) and copy its weights"
            if source.kind == KERAS3
            else "use --method int8, or give the run folder",
        )
    kept = out.with_name(f".{out.stem}-training.npz")
    flatbuffer, aware = train_int8(
        source.model, qat.recipe(source.recipe), data, qat, seed=source.seed, checkpoint=kept, quiet=quiet
    )
    source = replace(source, card=replace(source.card, notes=" ".join(filter(None, (source.card.notes, qat.note)))))
    # The ranges were learned from every training image.
    recorded = Quantization("qat", data.train.content_hash, len(data.train), source.seed, per_channel=True)
    result = write_compared(source, flatbuffer, recorded, out, data)
    return replace(result, fidelity=fidelity(aware, out, data))


def _post_training(
    source: Source, method: str, data: TrainingData | None, size: int, ranges: str, rounding: str, per_channel: bool
) -> tuple[bytes, Quantization]:
    flatbuffer, recorded, pixels = _converted(source, method, data, size, ranges, per_channel)
    if rounding != "nearest" and pixels is not None:
        flatbuffer = compensated(flatbuffer, source.float_flatbuffer(), source.card.input, pixels)
        recorded = replace(recorded, rounding=rounding)
    return flatbuffer, recorded


def _converted(
    source: Source, method: str, data: TrainingData | None, size: int, ranges: str, per_channel: bool
) -> tuple[bytes, Quantization, np.ndarray | None]:
    spec, pixels = source.card.input, None
    recorded = Quantization(method, per_channel=None if method in _WITHOUT_SCALES else per_channel)
    if method in CALIBRATED:
        assert data is not None
        chosen, pixels = calibrated_on(source, data, size)
        recorded = replace(
            recorded,
            calibration_hash=chosen.content_hash,
            calibration_size=len(chosen),
            calibration_seed=source.seed,
            ranges=ranges,
        )
    if source.model is not None and ranges == "minmax":
        return convert(source.model, spec, method, pixels, per_channel=per_channel), recorded, pixels
    model = source.float_flatbuffer()
    if method == "float32":
        flatbuffer = model
    elif pixels is None:
        flatbuffer = weights_only(model, method, per_channel=per_channel)
    else:
        seen = observe(model, spec, pixels)
        flatbuffer = Selective(model, {name: found.clipped(ranges) for name, found in seen.items()}).quantize(
            float_io=method == "int8-float-io", activations=16 if method == "int16x8" else 8, per_channel=per_channel
        )
        require_granularity(flatbuffer, per_channel=per_channel)
    require_promise(flatbuffer, method)
    return flatbuffer, recorded, pixels


def _compare(path: Path, source: Source, validation: Dataset) -> Quantized:
    pixels = validation.pixels(source.card.input)
    classifier = Classifier.open(path)
    ours, theirs = classifier.predict(pixels), source.predictor().predict(pixels)
    report = drift(validation.targets, theirs, ours, classifier.card.labels)
    return Quantized(path, classifier.card, report, float(np.abs(ours - theirs).mean()))
