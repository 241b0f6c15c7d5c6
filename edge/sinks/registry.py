"""What ``run`` asks for about where results go."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from ..common.errors import FileError, OptionError, OutputError
from ..common.files import existing, new_file, unwritable
from ..sources.base import Warn, warn_on_stderr
from .base import Sink
from .jsonlines import JsonLinesSink
from .web.health import WITHIN_S

if TYPE_CHECKING:
    from .web.server import WebSink

_Function = TypeVar("_Function", bound=Callable[..., object])
#: The token of the page, for those who do not want another one at each start; on a command line all would see it.
TOKEN, TOKEN_FILE = "EDGEEMO_WEB_TOKEN", "EDGEEMO_WEB_TOKEN_FILE"
#: Seconds in which all sinks have to end.
CLOSE_S = 1.5

_OPTIONS = (
    click.option("--out", metavar="FILE", help="Write the lines to FILE as they come, instead of to standard output."),
    click.option("--no-lines", is_flag=True, help="Write no lines."),
    click.option("--video", metavar="FILE", help="Record an annotated video: .avi, or .mp4."),
    click.option("--force", is_flag=True, help="Overwrite the FILE of --out and --video."),
    click.option("--window", is_flag=True, help="Show the frames with what was found in a window."),
    click.option(
        "--web",
        metavar="HOST:PORT",
        help="Serve a live page, /metrics and /healthz, such as 127.0.0.1:8080. Beyond this machine it asks for a "
        f"token, which is printed, or taken from the environment ({TOKEN} or {TOKEN_FILE}).",
    ),
    click.option(
        "--healthy-within",
        type=click.FloatRange(min=0, min_open=True),
        default=WITHIN_S,
        show_default=True,
        metavar="S",
        help="/healthz turns red when no fresh frame was classified for S seconds.",
    ),
    click.option(
        "--mqtt",
        metavar="HOST[:PORT]",
        help="Publish labels to an MQTT broker, found by Home Assistant; mqtts://HOST for TLS. Credentials come from "
        "the environment (EDGEEMO_MQTT_USER, and EDGEEMO_MQTT_PASSWORD or EDGEEMO_MQTT_PASSWORD_FILE).",
    ),
    click.option("--mqtt-name", metavar="NAME", help="Name of this device for --mqtt; else the machine's."),
    click.option("--mqtt-ca", metavar="FILE", help="Certificate authority of the broker (PEM)."),
    click.option("--privacy", is_flag=True, help="No frame is stored, shown or served; only labels and boxes leave."),
)


@dataclass(frozen=True)
class SinkOptions:
    """What was asked for; see the help of ``run``."""

    out: str | None = None
    no_lines: bool = False
    video: str | None = None
    force: bool = False
    window: bool = False
    web: str | None = None
    healthy_within: float = WITHIN_S
    mqtt: str | None = None
    mqtt_name: str | None = None
    mqtt_ca: str | None = None
    privacy: bool = False

    def __post_init__(self) -> None:
        shows = [name for name, wanted in (("--video", self.video), ("--window", self.window)) if wanted]
        if self.privacy and shows:
            raise OptionError(
                f"--privacy and {' and '.join(shows)} do not go together: under privacy no frame is stored or shown",
                hint="leave one of them out",
            )
        for option in ("mqtt_name", "mqtt_ca"):
            if getattr(self, option) is not None and self.mqtt is None:
                raise OptionError(f"--{option.replace('_', '-')} needs --mqtt")
        if self.out is not None and self.no_lines:
            raise OptionError("--out and --no-lines do not go together")


def sink_options(function: _Function) -> _Function:
    """Add to a command what :class:`SinkOptions` holds, by the same names."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@contextlib.contextmanager
def open_sinks(
    options: SinkOptions,
    *,
    labels: Sequence[str],
    title: str,
    live: bool,
    stopping: Callable[[], bool] = lambda: False,
    stop: Callable[[], None] = lambda: None,
    warn: Warn = warn_on_stderr,
) -> Iterator[tuple[Sink, ...]]:
    """Start the sinks that were asked for, and end them all, within :data:`CLOSE_S`, when it is left.

    Args:
        options: what was asked for.
        labels: of the model, in the order of its card.
        title: of the web page.
        live: the source does not wait; False where it can (a video, a folder): then nothing is left out of the lines
            and the video, however slow their reader or disk is.
        stopping: whether the run is to end, so that nothing waits for a slow reader any longer.
        stop: asks for the end of the run, as Ctrl-C does: the window was closed.
        warn: takes sentences about what goes wrong while the run goes on.

    Raises:
        EdgeemoError: something cannot be opened; on leaving, a file that could not be written.
        ImportError: a package that an option needs is not installed.
        BrokenPipeError: on leaving, the reader of standard output has left.
    """
    until = None if live else stopping
    with contextlib.ExitStack() as files:
        # What can be refused is made first: it leaves no empty output behind.
        sinks: list[Sink] = []
        if options.window:
            from .window import WindowSink

            sinks.append(WindowSink(title=title, stop=stop))
        if options.mqtt is not None:
            sinks.append(_mqtt(options.mqtt, options, labels, warn))
        web = None if options.web is None else _web(options.web, options, labels, title)
        if web is not None:
            sinks.append(web)
        if options.video is not None:
            from .video_file import VideoSink

            sinks.append(VideoSink(options.video, live=live, force=options.force, warn=warn, until=until))
        if not options.no_lines:
            stream, path = files.enter_context(_output(options.out, force=options.force))
            sinks.append(JsonLinesSink(stream, path=path, until=until))
        started: list[Sink] = []
        try:
            for sink in sinks:
                sink.start()
                started.append(sink)
            if web is not None:
                web.watch(sinks)
                click.echo(f"Live page: {web.url}", err=True)
            yield tuple(sinks)
        except BaseException:
            # What came first is what has to be told.
            _close(started)
            raise
        failures = _close(started)
        for sink in started:
            if sink.dropped and not getattr(sink, "skips", False):
                warn(f"{sink.name}: {sink.dropped:,} updates were left out, because it was too slow for them")
        if failures:
            raise failures[0]


def _close(sinks: Sequence[Sink]) -> list[Exception]:
    """End all at the same time, so that one that hangs takes nothing from the others; returns what they met."""
    failures: list[Exception] = []

    def close(sink: Sink) -> None:
        try:
            sink.close(CLOSE_S)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=close, args=(sink,), daemon=True) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CLOSE_S + 0.2)
    return failures


def _web(address: str, options: SinkOptions, labels: Sequence[str], title: str) -> WebSink:
    from .web.health import Health
    from .web.listen import ListenAddress
    from .web.server import WebSink

    return WebSink(
        ListenAddress.parse(address),
        labels=labels,
        title=title,
        token=_token(),
        privacy=options.privacy,
        health=Health(within_s=options.healthy_within),
    )


def _mqtt(broker: str, options: SinkOptions, labels: Sequence[str], warn: Warn) -> Sink:
    from .mqtt import Broker, MqttSink

    return MqttSink(Broker.parse(broker, ca=options.mqtt_ca), device=options.mqtt_name, labels=labels, warn=warn)


def _token() -> str | None:
    name = os.environ.get(TOKEN_FILE)
    if not name:
        return os.environ.get(TOKEN) or None
    try:
        return existing(name, f"a token ({TOKEN_FILE})").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{name} cannot be read as a token", hint=f"check {TOKEN_FILE}") from error


@contextlib.contextmanager
def _output(name: str | None, *, force: bool) -> Iterator[tuple[TextIO, Path | None]]:
    """Standard output, or a file that is written line by line: the one output that is not renamed into place at the
    end, because its readers follow it while it grows."""
    if name is None:
        # Python's own word for a descriptor that was closed at the start.
        if sys.stdout is None:
            raise OutputError("standard output is closed", hint="give --out FILE, or --no-lines")
        yield sys.stdout, None
        return
    path = new_file(name, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w", encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
    with stream:
        yield stream, path
