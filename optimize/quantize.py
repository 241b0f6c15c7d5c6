"""A trained run to a .tflite: float32, post-training int8, or int8 after quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..edge.accuracy import Accuracy
from ..edge.card import ModelCard, Quantisation, write_model
from ..edge.classifier import Classifier
from ..edge.errors import EdgeemoError
from ..edge.preprocess import InputSpec
from ..train.datasets.splits import TrainingData, calibration_set
from ..train.loop import load_model
from ..train.predictor import KerasPredictor
from ..train.run import Run
from .calibration import calibration_pixels
from .convert import to_float, to_int8
from .qat import fine_tune, quantization_aware

METHODS = ("float32", "int8", "qat")


@dataclass(frozen=True)
class Quantised:
    """What :func:`quantize` has made.

    Args:
        path: the .tflite with its card.
        card: the card.
        reference, accuracy: of the float model and of this one, on the validation role.
        agreement: fraction of the validation role on which both give the same label.
        difference: mean absolute difference of their probabilities.
    """

    path: Path
    card: ModelCard
    reference: Accuracy
    accuracy: Accuracy
    agreement: float
    difference: float


def quantize(
    run: Run, method: str, out: Path, *, data: TrainingData, calibration_size: int = 500, quiet: bool = False
) -> Quantised:
    """Convert the finished model of a run.

    Args:
        run: a finished run.
        method: one of :data:`METHODS`.
        out: file for the .tflite.
        data: the roles with which the run was trained; see :func:`training_roles`.
        calibration_size: training faces for post-training calibration, stratified by class.
        quiet: show no progress.

    Raises:
        EdgeemoError: unknown method, unfinished run, or a model that cannot be converted.
    """
    if method not in METHODS:
        raise EdgeemoError("unknown method", expected="one of " + ", ".join(METHODS), got=repr(method))
    card, seed = run.card, run.settings.seed
    model = load_model(run.model_path, compile=False)
    recorded = Quantisation(method)
    if method == "float32":
        flatbuffer = to_float(model, card.input)
    elif method == "int8":
        chosen = calibration_set(data.train, size=calibration_size, seed=seed)
        flatbuffer = to_int8(model, card.input, calibration_pixels(chosen, card.input))
        recorded = Quantisation(method, chosen.content_hash, len(chosen), seed)
    else:
        aware = quantization_aware(model)
        fine_tune(aware, run.recipe, data, seed=seed, quiet=quiet)
        flatbuffer = to_int8(aware, card.input, None)
        # The ranges were learned from every training picture.
        recorded = Quantisation(method, data.train.content_hash, len(data.train), seed)
    card = replace(card, name=f"{card.name}-{method}", quantisation=recorded)
    write_model(out, flatbuffer, card)
    result = _compare(out, KerasPredictor(card, model), data)
    name = f"{method} validation"
    figure = {"data": data.validation.name, "split": "validation", **result.accuracy.to_dict()}
    write_model(out, flatbuffer, card.with_metric(name, figure))
    return replace(result, card=card.with_metric(name, figure))


def training_roles(run: Run, source: str | None = None) -> TrainingData:
    """The roles with which a run was trained, read again.

    Args:
        run: a finished run.
        source: where the data set lies now, if it has moved.

    Raises:
        EdgeemoError: the pictures are not those with which the run was trained.
    """
    settings = run.settings if source is None else replace(run.settings, data=source)
    data = settings.training_data(run.recipe)
    expected, got = run.card.provenance.split_hashes.get("train", ""), data.hashes["train"]
    if expected != got:
        raise EdgeemoError(
            f"{settings.data} is not the data with which {run.folder} was trained",
            expected=f"content hash {expected[:16]}",
            got=got[:16],
            mend="give the original data with --data",
        )
    return data


def _compare(path: Path, reference: KerasPredictor, data: TrainingData) -> Quantised:
    spec: InputSpec = reference.card.input
    pixels, targets = data.validation.pixels(spec), data.validation.targets
    classifier = Classifier.open(path)
    ours, theirs = classifier.predict(pixels), reference.predict(pixels)
    return Quantised(
        path,
        classifier.card,
        Accuracy.of(targets, theirs),
        Accuracy.of(targets, ours),
        float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        float(np.abs(ours - theirs).mean()),
    )
