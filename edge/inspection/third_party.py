"""Cards for third-party .tflite models: read from the file where possible, else from a description."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..common.errors import FileError, ModelError
from ..common.files import existing
from ..inference.classifier import Classifier
from ..model.card import ModelCard, Quantization, card_of
from ..model.describe import Description, describe, shapes_of
from ..tflite.graph import Graph, read_graph

#: How far from 1 the probabilities of one image may sum: seven int8 outputs round by less.
_SUM = 0.05
_TRIALS = 8


def describe_tflite(path: str | Path, description: Description, *, logits: bool = False) -> ModelCard:
    """Make a card for a .tflite that carries none, and try it.

    Args:
        path: path of the model, which is not changed.
        description: facts that a person has given.
        logits: its answers are logits, not probabilities.

    Raises:
        EdgeemoError: it is not there, no classifier of images, has a card, too little was said, what was said
            contradicts the model, or its answers are not what they should be.
    """
    path = existing(path, "a .tflite model")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})", expected="a .tflite model") from error
    graph = read_graph(data, str(path))
    if card_of(data, str(path)) is not None:
        raise ModelError(
            f"{path} carries a card already", hint="see it with edgeemo models show, or give another with --card"
        )
    # A card that stands beside it is about to be replaced: it must not describe the model here.
    card = describe(path, description, *shapes_of(path, graph), beside=False)
    card = replace(card, logits=logits or card.logits, quantization=Quantization(method_of(graph)))
    _try(path, card)
    return card


def method_of(graph: Graph) -> str:
    """Return the method of quantization by the types of the tensors, as the card names it."""
    computed = {tensor.type for operator in graph.operators for tensor in operator.outputs}
    for kind, method in (("INT16", "int16x8"), ("UINT8", "uint8"), ("INT8", "int8")):
        if kind in computed:
            return f"{method}-float-io" if graph.inputs[0].floating else method
    weights = {t.type for operator in graph.operators for t in operator.constants if len(t.shape) > 1}
    return "dynamic" if "INT8" in weights else "float16" if "FLOAT16" in weights else "float32"


def _try(path: Path, card: ModelCard) -> None:
    """Run the model on black, white and noise.

    Raises:
        ModelError: the outputs are not probabilities, or not logits.
    """
    classifier = Classifier.open(path, card=card)
    session, source = classifier.session, np.random.default_rng(0)
    faces = [np.full(card.input.shape, level, np.uint8) for level in (0, 255)]
    faces += [source.integers(0, 256, card.input.shape, np.uint8) for _ in range(_TRIALS)]
    answers = np.stack([session.output.decode(session.invoke(classifier.encode(face)))[0].ravel() for face in faces])
    if not np.isfinite(answers).all():
        raise ModelError(f"{path} gives values that are not numbers", hint="convert the model again")
    within = answers.min() > -_SUM and answers.max() < 1 + _SUM
    sums = answers.sum(axis=1)
    likely = bool(within and (card.task == "binary" or np.abs(sums - 1).max() < _SUM))
    got = f"values from {answers.min():.3g} to {answers.max():.3g}, sums from {sums.min():.3g} to {sums.max():.3g}"
    if not likely and not card.logits:
        raise ModelError(
            f"the answers of {path} are not probabilities",
            expected="values from 0 to 1" + ("" if card.task == "binary" else " that sum to 1"),
            got=got,
            hint="if they are logits, say so with --logits",
        )
    if likely and card.logits and card.task == "multiclass":
        raise ModelError(
            f"the answers of {path} are probabilities already", expected="logits", got=got, hint="leave out --logits"
        )
