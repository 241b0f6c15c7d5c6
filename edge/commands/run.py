"""``edgeemo run``: classify the faces of a camera, a video or a folder of images."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..common.console import reader_may_leave
from ..common.errors import EXIT_ERROR, EXIT_OK, Stopped
from ..faces.tracker import Tracker
from ..inference.classifier import Classifier
from ..inference.subprocess_session import IsolatedSession
from ..runner.loop import Stop, Tally, run_loop, stop_on_signals
from ..runner.systemd import Watchdog
from ..sinks.base import SinkContext
from ..sinks.console import ConsoleSink
from ..sinks.registry import open_sinks, requested_sinks, sink_options
from ..sources import Source, open_source
from ..sources.image_files import ImageSource
from ..sources.live.source import LiveSource
from ..sources.registry import limits_from, source_options
from .inference import InferenceOptions, inference_options


@click.command(
    name="run",
    short_help="Classify the faces of a camera, video or folder.",
    params=[*source_options(), *sink_options()],
)
@click.argument("first", metavar="[MODEL]", required=False)
@inference_options
@click.option(
    "--isolate", is_flag=True, help="Give the model a process of its own, restarted when it crashes or hangs."
)
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="End after N frames.")
def command(
    first: str | None,
    source: str,
    inference: InferenceOptions,
    isolate: bool,
    max_frames: int | None,
    **values: Any,
) -> None:
    """Classify every face that a camera, video or folder shows with MODEL, one line of JSON a frame.

    MODEL is a .tflite or the name of a model that ships; without one, the default is taken.

    Ends with the source, or on Ctrl-C or SIGTERM after the line in hand, and then says on standard error what was done.
    A camera's frames that come too fast are dropped; none is classified twice. A camera that is lost is opened again
    and again; docs/camera.md describes how cameras are supervised, docs/output.md the lines.

    Example: edgeemo run --source 0
    """
    model = inference.chosen_model(first)
    # Report wrong usage before a model is loaded.
    requested_sinks(values)
    frames = open_source(source, limits=limits_from(values), options=values)
    tally, watchdog = Tally(), Watchdog.from_environment()
    with (
        contextlib.closing(watchdog),
        stop_on_signals(frames) as stop,
        reader_may_leave(),
        contextlib.ExitStack() as end,
    ):
        try:
            classifier = inference.open_classifier(model, isolate=isolate, stopping=lambda: stop.requested)
        except Stopped:
            # A signal came while the model's process was starting.
            return
        if isinstance(classifier.session, IsolatedSession):
            end.callback(classifier.session.close)
        end.push(partial(_leave, frames))
        detector = inference.open_detector(still=isinstance(frames, ImageSource))
        # The source is entered first: one that cannot be opened leaves no empty output behind.
        with (
            frames,
            open_sinks(values, _context(classifier, model, source, frames, stop)) as opened,
            _reported(tally, quiet=values["quiet"]),
        ):
            run_loop(
                frames,
                detector,
                classifier,
                [*opened, ConsoleSink()],
                tracker=Tracker(),
                watchdog=watchdog,
                max_frames=max_frames,
                tally=tally,
            )


def _context(classifier: Classifier, model: str, source: str, frames: Source, stop: Stop) -> SinkContext:
    return SinkContext(
        classifier.card.labels,
        f"{Path(model).stem} on {frames.name if isinstance(frames, LiveSource) else source}",
        live=isinstance(frames, LiveSource),
        stopping=lambda: stop.requested,
        stop=stop.request,
    )


@contextlib.contextmanager
def _reported(tally: Tally, *, quiet: bool) -> Iterator[None]:
    """Print the counters at the end, also at that of a run that fails after a week; not those of no frame."""
    try:
        yield
    except BaseException:
        if tally.frames and not quiet:
            click.echo(str(tally), err=True)
        raise
    if not quiet:
        click.echo(str(tally), err=True)


def _leave(frames: Source, _kind: object, error: BaseException | None, _trace: object) -> None:
    """See to it that a thread which hangs in a camera's driver cannot spoil the end of the process.

    Python ends its daemon threads as soon as they come back from native code, which aborts the process when OpenCV's
    C++ lies in between (up to Python 3.13). When such a thread is left at the very end, the process ends without that.
    """
    if not (isinstance(frames, LiveSource) and frames.hanging):
        return
    if isinstance(error, KeyboardInterrupt):
        code = 130
    elif error is None or isinstance(error, BrokenPipeError):
        code = EXIT_OK
    else:
        code = getattr(error, "exit_code", EXIT_ERROR)

    def leave() -> None:
        if frames.hanging:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)

    atexit.register(leave)
