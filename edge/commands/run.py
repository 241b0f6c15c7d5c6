"""``edgeemo run``: the emotions in front of a camera, in a video or in a folder of pictures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from ..announcer import Announcer
from ..events import JsonLines
from ..files import new_file, unwritable
from ..isolate import IsolatedSession
from ..loop import Tally, run_loop, stop_on_signals
from ..quiet import reader_may_leave
from ..sources import open_source
from ..update import Listener
from ..watchdog import Watchdog
from .options import inference_options, open_classifier, open_detector, open_limits, raw_format, source_options


@click.command(name="run", short_help="Classify the faces of a camera, video or folder.")
@click.argument("model")
@source_options
@inference_options
@click.option(
    "--isolate", is_flag=True, help="Give the model a process of its own, started anew when it crashes or hangs."
)
@click.option("--out", metavar="FILE", help="Write the lines to FILE as they come, instead of to standard output.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="End after N frames.")
def command(
    model: str,
    source: str,
    raw: str | None,
    wait: bool,
    max_retries: int | None,
    stall_after: float,
    frozen_after: float,
    max_age: float,
    no_detect: bool,
    runtime: str,
    threads: int,
    delegate: str | None,
    delegate_options: tuple[str, ...],
    fallback: bool,
    card: str | None,
    isolate: bool,
    out: str | None,
    force: bool,
    max_frames: int | None,
) -> None:
    """Classify every face that a camera, video or folder shows with MODEL (a .tflite), one line of JSON a frame.

    Ends with the source, or on Ctrl-C or SIGTERM after the line in hand, and then says on standard error what was done.
    A camera's frames that come too fast are left out; none is classified twice. A camera that is lost is opened again
    and again; docs/camera.md describes how cameras are watched over, docs/events.md the lines.

    Example: edgeemo run model.tflite --source 0
    """
    limits = open_limits(
        wait=wait, max_retries=max_retries, stall_after=stall_after, frozen_after=frozen_after, max_age=max_age
    )
    frames = open_source(source, raw=raw_format(raw), limits=limits)
    tally, watchdog = Tally(), Watchdog.from_environment()
    with (
        contextlib.closing(watchdog),
        stop_on_signals(frames) as stop,
        reader_may_leave(),
        contextlib.ExitStack() as end,
    ):
        classifier = open_classifier(
            model,
            card=card,
            runtime=runtime,
            threads=threads,
            delegate=delegate,
            delegate_options=delegate_options,
            fallback=fallback,
            isolate=isolate,
            stopping=lambda: stop.requested,
        )
        if isinstance(classifier.session, IsolatedSession):
            end.callback(classifier.session.close)
        detector = open_detector(no_detect=no_detect)
        # The source is entered first: one that cannot be opened leaves no empty output behind.
        with frames, _output(out, force=force) as stream:
            sinks: list[Listener] = [JsonLines(stream), Announcer()]
            try:
                run_loop(frames, detector, classifier, sinks, watchdog=watchdog, max_frames=max_frames, tally=tally)
            except BaseException:
                # A camera that is lost after a week: what was done until then is worth a line; nothing is not.
                if tally.frames:
                    click.echo(str(tally), err=True)
                raise
            click.echo(str(tally), err=True)


@contextlib.contextmanager
def _output(name: str | None, *, force: bool) -> Iterator[TextIO]:
    """Standard output, or a file that is written line by line: the one output that is not renamed into place at the
    end, because its readers follow it while it grows."""
    if name is None:
        yield sys.stdout
        return
    path: Path = new_file(name, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(path, error) from error
