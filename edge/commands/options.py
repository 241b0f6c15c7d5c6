"""What ``predict`` and ``run`` ask for alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ..card import read_card_file
from ..catalogue import find_model
from ..classifier import Classifier
from ..detect import Detector, HaarDetector, WholePicture
from ..runtime import RUNTIMES

_Function = TypeVar("_Function", bound=Callable[..., object])

_OPTIONS = (
    click.option("--no-detect", is_flag=True, help="Every picture is a face already: classify it as a whole."),
    click.option(
        "--runtime",
        type=click.Choice(["auto", *RUNTIMES]),
        default="auto",
        show_default=True,
        help="TFLite runtime; auto takes the first that is installed.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="For the model. More than one pays on idle cores only: runtimes spin while they wait.",
    ),
    click.option("--card", metavar="FILE", help="JSON model card, for a model without one or in place of its own."),
)


def inference_options(function: _Function) -> _Function:
    """Add --no-detect, --runtime, --threads and --card to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def open_classifier(model: str, *, card: str | None, runtime: str, threads: int) -> Classifier:
    """The classifier that the options describe.

    Raises:
        EdgeemoError: the model or the card cannot be used.
    """
    model = str(find_model(model))
    return Classifier.open(model, card=read_card_file(card) if card else None, runtime=runtime, threads=threads)


def open_detector(*, no_detect: bool) -> Detector:
    """The detector that the options describe."""
    return WholePicture() if no_detect else HaarDetector()
