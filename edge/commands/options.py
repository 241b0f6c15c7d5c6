"""What ``predict`` and ``run`` ask for alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from ..card import ModelCard
from ..classifier import Classifier
from ..detect import Detector, HaarDetector, WholePicture
from ..errors import EdgeemoError
from ..files import existing
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
    return Classifier.open(model, card=_read_card(card) if card else None, runtime=runtime, threads=threads)


def open_detector(*, no_detect: bool) -> Detector:
    """The detector that the options describe."""
    return WholePicture() if no_detect else HaarDetector()


def _read_card(name: str) -> ModelCard:
    path: Path = existing(name, "a model card")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise EdgeemoError(f"{path} cannot be read ({error.strerror})", expected="a model card") from error
    return ModelCard.from_json(text, str(path))
