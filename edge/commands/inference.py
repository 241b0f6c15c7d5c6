"""Options of the commands that classify: the model, what runs it, and how faces are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from ..common.errors import OptionError
from ..faces.detector import LIVE, SEARCHES, STILL, Detector
from ..faces.registry import open_detector
from ..inference.classifier import Classifier
from ..inference.delegate import DelegateSpec
from ..inference.fallback import load_with_fallback
from ..inference.interpreter import SessionProtocol
from ..inference.subprocess_session import IsolatedSession
from ..model.card import read_card_file
from ..model.zoo import DEFAULT, find_model
from ..sources.base import warn_on_stderr
from .options import gathered, runtime_option

_OPTIONS = (
    click.option(
        "--model",
        metavar="MODEL",
        help=f"The model, where it is not the first argument.  [default: {DEFAULT}; see edgeemo models list]",
    ),
    click.option(
        "--detector",
        default="auto",
        show_default=True,
        metavar="NAME|FILE",
        help="Face detector: edgeemo (our own, int8; auto is this one), yunet (see edgeemo models fetch), haar "
        "(OpenCV's cascade), none (every image is a face already), the file of one, or the name of one of another "
        "package.",
    ),
    click.option(
        "--search",
        type=click.Choice(SEARCHES),
        help="Resolutions that edgeemo's detector searches: one (fast), tiles at two and four times that one as well "
        "(thorough), or one and a tile at a time (auto). Other detectors know one way only.  [default: thorough for "
        "images, fast for a camera or a video]",
    ),
    runtime_option(),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Threads of the model. More than one pays off on idle cores only: runtimes spin while they wait.",
    ),
    click.option(
        "--delegate",
        metavar="edgetpu[:usb|:pci|:N]|PATH",
        help="Run the model on an accelerator: the Edge TPU, or the library of any external delegate.",
    ),
    click.option(
        "--delegate-option",
        "delegate_options",
        metavar="KEY=VALUE",
        multiple=True,
        help="Option of the delegate's library; repeatable.",
    ),
    click.option(
        "--fallback/--no-fallback",
        default=True,
        show_default=True,
        help="Fall back to the CPU if the delegate cannot be used: NAME.tflite beside NAME_edgetpu.tflite.",
    ),
    click.option("--card", metavar="FILE", help="JSON model card, for a model without one or in place of its own."),
)


@dataclass(frozen=True)
class InferenceOptions:
    """Values of the options for the model, its runtime and the face detector.

    Args:
        model: value of ``--model``; None without it.
        search: value of ``--search``; None without it.
        runtime, threads, delegate, delegate_options, fallback, card, detector: as given.
    """

    model: str | None
    runtime: str
    threads: int
    delegate: str | None
    delegate_options: tuple[str, ...]
    fallback: bool
    card: str | None
    detector: str
    search: str | None

    def chosen_model(self, first: str | None) -> str:
        """Return the model of a command line: its first argument, the value of --model, or the default.

        Raises:
            OptionError: it was given twice.
        """
        if first is not None and self.model is not None:
            raise OptionError(f"two models were given, {first} and --model {self.model}: leave one out")
        return first or self.model or DEFAULT

    def open_classifier(
        self, model: str, *, isolate: bool = False, stopping: Callable[[], bool] = lambda: False
    ) -> Classifier:
        """Return the classifier that the options describe.

        Args:
            model: a path, or the name of a model that ships.
            isolate: the model gets a process of its own.
            stopping: breaks off a wait for that process.

        Raises:
            OptionError: the model, the card or the delegate cannot be used.
        """
        model = str(find_model(model))
        if self.delegate_options and self.delegate is None:
            raise OptionError("--delegate-option needs a delegate", hint="give --delegate")
        spec = None if self.delegate is None else DelegateSpec.parse(self.delegate, self.delegate_options)
        own_card = read_card_file(self.card) if self.card else None
        arguments: dict[str, Any] = {
            "runtime": self.runtime,
            "threads": self.threads,
            "delegate": spec,
            "fallback": self.fallback,
        }
        session: SessionProtocol
        if isolate:
            session = IsolatedSession(model, **arguments, warn=warn_on_stderr, stopping=stopping)
        else:
            session = load_with_fallback(model, **arguments, warn=warn_on_stderr)
        return Classifier.open(model, card=own_card, session=session)

    def open_detector(self, *, still: bool = True) -> Detector:
        """Return the detector that the options describe.

        Args:
            still: images are to be searched, and not frames that soon have a successor.

        Raises:
            EdgeemoError: it is unknown, or cannot be used.
        """
        return open_detector(self.detector, search=self.search or (STILL if still else LIVE))


#: Adds the options of :class:`InferenceOptions` to a command, which gets them as ``inference``.
inference_options = gathered("inference", InferenceOptions, _OPTIONS)
