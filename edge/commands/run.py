"""``edgeemo run``: the emotions in front of a camera, in a video or in a folder of pictures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from ..events import JsonLines
from ..files import new_file, unwritable
from ..loop import Tally, run_loop, stop_on_signals
from ..quiet import reader_may_leave
from ..sources import open_source
from .options import inference_options, open_classifier, open_detector


@click.command(name="run", short_help="Classify the faces of a camera, video or folder.")
@click.argument("model")
@click.option(
    "--source",
    required=True,
    metavar="FILE|DIR|N|/dev/videoN",
    help="A video, a picture, a folder of pictures, or a camera.",
)
@inference_options
@click.option("--out", metavar="FILE", help="Write the lines to FILE as they come, instead of to standard output.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="End after N frames.")
def command(
    model: str,
    source: str,
    no_detect: bool,
    runtime: str,
    threads: int,
    card: str | None,
    out: str | None,
    force: bool,
    max_frames: int | None,
) -> None:
    """Classify every face that a camera, video or folder shows with MODEL (a .tflite), one line of JSON a frame.

    Ends with the source, or on Ctrl-C or SIGTERM after the line in hand, and then says on standard error what was done.
    A camera's frames that come too fast are left out; none is classified twice. docs/events.md describes the lines.

    Example: edgeemo run model.tflite --source 0
    """
    frames = open_source(source)
    tally = Tally()
    with stop_on_signals(frames), reader_may_leave():
        classifier = open_classifier(model, card=card, runtime=runtime, threads=threads)
        detector = open_detector(no_detect=no_detect)
        # The source is entered first: one that cannot be opened leaves no empty output behind.
        with frames, _output(out, force=force) as stream:
            try:
                run_loop(frames, detector, classifier, [JsonLines(stream)], max_frames=max_frames, tally=tally)
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
