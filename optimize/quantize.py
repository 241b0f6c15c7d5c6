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
from .qat import Fidelity, fidelity, train_int8
from .qat_options import QatOptions

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
        fidelity: to the Keras model that was converted, after quantization-aware training.
    """

    path: Path
    card: ModelCard
    reference: Accuracy
    accuracy: Accuracy
    agreement: float
    difference: float
    fidelity: Fidelity | None = None


def quantize(
    run: Run,
    method: str,
    out: Path,
    *,
    data: TrainingData,
    calibration_size: int = 500,
    qat: QatOptions | None = None,
    quiet: bool = False,
) -> Quantised:
    """Convert the finished model of a run.

    Args:
        run: a finished run.
        method: one of :data:`METHODS`.
        out: file for the .tflite.
        data: the roles with which the run was trained; see :func:`training_roles`.
        calibration_size: training faces for post-training calibration, stratified by class.
        qat: what is chosen of quantization-aware training.
        quiet: show no progress.

    Raises:
        EdgeemoError: unknown method, unfinished run, or a model that cannot be converted.
    """
    if method not in METHODS:
        raise EdgeemoError("unknown method", expected="one of " + ", ".join(METHODS), got=repr(method))
    card, seed = run.card, run.settings.seed
    model, aware = load_model(run.model_path, compile=False), None
    recorded = Quantisation(method)
    if method == "float32":
        flatbuffer = to_float(model, card.input)
    elif method == "int8":
        chosen = calibration_set(data.train, size=calibration_size, seed=seed)
        flatbuffer = to_int8(model, card.input, calibration_pixels(chosen, card.input))
        recorded = Quantisation(method, chosen.content_hash, len(chosen), seed)
    else:
        qat = qat or QatOptions()
        kept = out.with_name(f".{out.stem}-training.npz")
        flatbuffer, aware = train_int8(model, run.recipe, data, qat, seed=seed, checkpoint=kept, quiet=quiet)
        card = replace(card, notes=" ".join(filter(None, (card.notes, qat.note))))
        # The ranges were learned from every training picture.
        recorded = Quantisation(method, data.train.content_hash, len(data.train), seed)
    card = replace(card, name=f"{card.name}-{method}", quantisation=recorded)
    write_model(out, flatbuffer, card)
    result = _compare(out, KerasPredictor(card, model), data)
    name = f"{method} validation"
    figure = {"data": data.validation.name, "split": "validation", **result.accuracy.to_dict()}
    write_model(out, flatbuffer, card.with_metric(name, figure))
    repeated = None if aware is None else fidelity(aware, out, data)
    return replace(result, card=card.with_metric(name, figure), fidelity=repeated)


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
