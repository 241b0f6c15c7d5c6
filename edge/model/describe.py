"""Descriptions of models without a card, given by a person, and the cards made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import ModelError
from ..tflite.graph import Graph
from ..vision.preprocess import CHANNELS, InputSpec
from .card import ModelCard, read_card_beside, read_card_file


@dataclass(frozen=True)
class Description:
    """Facts about a model without a card that only a person knows.

    Args:
        labels: class names in the order of the outputs; two for a model with one sigmoid output.
        normalization: how pixels become values, see :data:`edgeemo.edge.vision.preprocess.NORMALIZATIONS`.
        height, width: pixels; 0 to take them from the model.
        channels: ``gray`` or ``rgb``; empty to take them from the model.
        card: path of a JSON card, in place of all that.
    """

    labels: tuple[str, ...] = ()
    normalization: str = ""
    height: int = 0
    width: int = 0
    channels: str = ""
    card: str = ""


def label_names(text: str | None) -> tuple[str, ...]:
    """Return the class names of a comma-separated list; none for no text."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def describe(
    path: Path,
    description: Description,
    inputs: Sequence[tuple[int | None, ...]],
    outputs: Sequence[tuple[int | None, ...]],
    carried: ModelCard | None = None,
    *,
    beside: bool = True,
) -> ModelCard:
    """Return the card of a model: the one given, inside it, beside it, or made from the description.

    Args:
        path: path of the model.
        description: facts that a person has given.
        inputs, outputs: shapes of its tensors, with the batch axis; None or -1 for what is not fixed.
        carried: the card inside it.
        beside: look for one beside it.

    Raises:
        ModelError: it is no classifier of images, too little is known of it, or the description contradicts it.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{path} is not a classifier of images",
            expected="one input and one output",
            got=f"{len(inputs)} and {len(outputs)}",
        )
    shape, answers = inputs[0], outputs[0][-1] if outputs[0] else None
    if len(shape) != 4:
        raise ModelError(
            f"{path} does not take images", expected="an input (batch, height, width, channels)", got=str(shape)
        )
    if _fixed(shape[0]) and shape[0] != 1:
        raise ModelError(
            f"{path} takes {shape[0]} images at once",
            expected="a batch of one, or one that is free",
            hint="save or convert it again with such a batch",
        )
    card = read_card_file(description.card) if description.card else carried
    if card is None and beside:
        card = read_card_beside(path)
    if card is None:
        card = _made(path, description, shape, answers)
    card.require_classifier(str(path))
    _check_shapes(path, card, shape, answers)
    return card


def shapes_of(path: Path, graph: Graph) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return the shapes of the inputs and outputs of a .tflite, as :func:`describe` takes them.

    Raises:
        ModelError: height, width or channels are free: they would have to be fixed before every run.
    """
    inputs, outputs = ([tensor.signature for tensor in tensors] for tensors in (graph.inputs, graph.outputs))
    if any(side < 0 for shape in inputs for side in shape[1:]):
        raise ModelError(
            f"{path} has a dynamic input size",
            expected="a .tflite with a fixed height, width and number of channels",
            got=", ".join(map(str, inputs)),
            hint="fix them when it is converted, or start from the model that it was made from",
        )
    return inputs, outputs


def _made(path: Path, description: Description, shape: tuple[int | None, ...], answers: int | None) -> ModelCard:
    missing = [name for name in ("labels", "normalization") if not getattr(description, name)]
    if missing:
        raise ModelError(
            f"{path} does not say what it was trained for",
            expected=" and ".join(f"--{name}" for name in missing) + ", or --card FILE",
            hint="a wrong normalization ruins a model without a word, so none is assumed",
        )
    height, width = description.height or shape[1], description.width or shape[2]
    if not _fixed(height) or not _fixed(width):
        raise ModelError(
            f"{path} has a dynamic input size", got=str(tuple(shape)), hint="fix it with --height and --width"
        )
    names = {depth: name for name, depth in CHANNELS.items()}
    channels = description.channels or names.get(shape[3] or 0, "")
    if not channels:
        raise ModelError(
            f"{path} does not take images",
            expected="1 or 3 channels",
            got=str(shape[3]),
            hint="convert it with its channels last" if shape[1] in names else None,
        )
    return ModelCard(
        name=path.stem,
        labels=description.labels,
        input=InputSpec(int(height or 0), int(width or 0), channels, description.normalization),
        task="binary" if answers == 1 else "multiclass",
    )


def _fixed(side: int | None) -> bool:
    return side is not None and side > 0


def _check_shapes(path: Path, card: ModelCard, shape: tuple[int | None, ...], answers: int | None) -> None:
    wrong = [(side, given) for side, given in zip(shape[1:], card.input.shape, strict=True) if _fixed(side)]
    if any(side != given for side, given in wrong):
        raise ModelError(
            f"the description of {path} contradicts its input",
            expected=" x ".join(str(side) for side in shape[1:]),
            got=" x ".join(map(str, card.input.shape)),
            hint="correct --height, --width, --channels or the card",
        )
    if _fixed(answers) and answers != card.outputs:
        raise ModelError(
            f"the description of {path} contradicts its output",
            expected=f"labels for {answers} outputs",
            got=f"{len(card.labels)} labels: {', '.join(card.labels)}",
            hint="name the labels in the order of the outputs; a single sigmoid output has two",
        )
