"""Registry of the kinds of sources, and the way from a value of ``--source`` to a source."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ..common.errors import EdgeemoError, FileError, OptionError
from ..common.files import existing
from ..common.plugin import collect_options, explain_missing, is_given, own_values
from ..common.registry import Registry
from .base import Source, SourceContext, SourceKind, Warn, warn_on_stderr
from .url import CameraUrl

if TYPE_CHECKING:
    from .live.limits import Limits

SOURCES: Registry[SourceKind] = Registry(
    "source",
    "edgeemo.sources",
    {
        "v4l2": "edgeemo.edge.sources.v4l2:SOURCE",
        "picamera2": "edgeemo.edge.sources.picamera:SOURCE",
        "rtsp": "edgeemo.edge.sources.rtsp:SOURCE",
        "http": "edgeemo.edge.sources.http_mjpeg:SOURCE",
        "stdin": "edgeemo.edge.sources.stdin:SOURCE",
        "images": "edgeemo.edge.sources.image_files:SOURCE",
        "video": "edgeemo.edge.sources.video_file:SOURCE",
    },
)
_WANTED = "a video, an image, a folder of images, a camera's number or its address"


def open_source(
    text: str,
    *,
    limits: Limits | None = None,
    warn: Warn = warn_on_stderr,
    options: Mapping[str, Any] | None = None,
) -> Source:
    """Return the source that a value of ``--source`` means. No device is opened before the source is entered.

    Args:
        text: value that one of :data:`SOURCES` accepts, such as a camera's number, its address or a path. A file whose
            name is a number is given as ./0.
        limits: deadlines of cameras.
        warn: takes a sentence about what is passed over without ending the run.
        options: values of options that single kinds declare, by parameter name, such as ``{"raw": "640x480:bgr"}``;
            others are ignored.

    Raises:
        EdgeemoError: nothing is there, a folder without images, or something that cannot be read from.
    """
    options = options or {}
    kinds = {name: SOURCES.load(name) for name in SOURCES.names()}
    chosen = next(
        (name for name in sorted(kinds, key=lambda name: kinds[name].priority) if kinds[name].accepts(text)), None
    )
    for name, kind in kinds.items():
        for option in kind.options:
            if name != chosen and is_given(option, options):
                raise OptionError(f"{option.opts[0]} is for {kind.help}", expected=f"--source {kind.form}")
    if chosen is None:
        raise _not_a_source(text)
    kind = kinds[chosen]
    with explain_missing(f"the source {chosen!r}", kind.extra):
        return kind.open(text, SourceContext(limits, warn), **own_values(kind.options, options))


def source_options() -> list[click.Option]:
    """Return the options of a command that opens a source: the general ones, and those of single kinds."""
    from .live.limits import Limits

    kinds = {name: SOURCES.load(name) for name in SOURCES.names()}
    forms = "\n".join(f"{kind.form}: {kind.help}" for kind in kinds.values())
    seconds = click.FloatRange(min=0.2)
    general = [
        click.Option(
            ["--source"],
            required=True,
            envvar="EDGEEMO_SOURCE",
            metavar="SOURCE",
            help="Where the frames come from. An address with a password is better given in the environment as "
            f"EDGEEMO_SOURCE, where the list of processes does not show it.\n\n\b\n{forms}\n\n",
        ),
        click.Option(
            ["--wait"], is_flag=True, help="Wait for a camera that is absent at the start, as a service has to."
        ),
        click.Option(
            ["--max-retries"],
            type=click.IntRange(min=0),
            metavar="N",
            help="End with an error when a lost camera is not back after N attempts.  [default: no end]",
        ),
        click.Option(
            ["--stall-after"],
            type=seconds,
            default=Limits.stall_s,
            show_default=True,
            metavar="S",
            help="A camera without an image for S seconds is lost.",
        ),
        click.Option(
            ["--frozen-after"],
            type=click.FloatRange(min=0),
            default=Limits.frozen_s,
            show_default=True,
            metavar="S",
            help="The same image for S seconds is a frozen camera; 0 for never.",
        ),
        click.Option(
            ["--max-age"],
            type=seconds,
            default=Limits.max_age_s,
            show_default=True,
            metavar="S",
            help="A camera's image that was taken more than S seconds ago is not classified.",
        ),
    ]
    return collect_options("source", general, {name: kind.options for name, kind in kinds.items()})


def limits_from(values: Mapping[str, Any]) -> Limits:
    """Return the deadlines that the values of :func:`source_options` describe."""
    from .live.limits import Limits

    return Limits(
        wait=values["wait"],
        retries=values["max_retries"],
        stall_s=values["stall_after"],
        frozen_s=values["frozen_after"],
        max_age_s=values["max_age"],
    )


def _not_a_source(text: str) -> EdgeemoError:
    if "://" in text:
        # Raises what is wrong with it, without showing a password.
        CameraUrl.parse(text)
    path = existing(text, _WANTED)
    if not stat.S_ISREG(path.stat().st_mode):
        return FileError(f"{path} is not a file", expected=_WANTED)
    return FileError(f"{path} cannot be read", expected=_WANTED)
