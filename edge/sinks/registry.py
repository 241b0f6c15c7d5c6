"""Registry of the kinds of sinks, their options of ``edgeemo run``, and the way from option values to open sinks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from ..common.errors import OptionError
from ..common.plugin import collect_options, explain_missing, is_given, own_values
from ..common.registry import Registry
from .base import Sink, SinkContext, SinkKind

SINKS: Registry[SinkKind] = Registry(
    "sink",
    "edgeemo.sinks",
    {
        "jsonlines": "edgeemo.edge.sinks.jsonlines:SINK",
        "video": "edgeemo.edge.sinks.video_file:SINK",
        "window": "edgeemo.edge.sinks.window:SINK",
        "web": "edgeemo.edge.sinks.web:SINK",
        "mqtt": "edgeemo.edge.sinks.mqtt:SINK",
    },
)
#: Seconds in which all sinks have to end.
CLOSE_S = 1.5


def sink_options() -> list[click.Option]:
    """Return the options of a command that opens sinks: those of all kinds, and the general ones."""
    general = [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            help="No JSON lines on standard output and no summary; warnings and the page's address are still printed.",
        ),
        click.Option(["--force"], is_flag=True, help="Overwrite output files that exist."),
        click.Option(
            ["--privacy"], is_flag=True, help="No frame is stored, shown or served; only labels and boxes leave."
        ),
    ]
    return collect_options("sink", general, {name: SINKS.load(name).options for name in SINKS.names()})


def requested_sinks(values: Mapping[str, Any]) -> dict[str, SinkKind]:
    """Return the kinds of sinks that option values ask for, by name.

    Args:
        values: parameter name of :func:`sink_options` -> value; those that are absent have their defaults.

    Raises:
        OptionError: options that do not go together.
    """
    requested, refused = {}, []
    for name in SINKS.names():
        kind = SINKS.load(name)
        asks, *details = kind.options
        if is_given(asks, values) or (kind.always and not values.get("quiet")):
            requested[name] = kind
            if values.get("privacy") and not kind.private:
                refused.append(asks.opts[0])
            continue
        for option in details:
            if is_given(option, values):
                raise OptionError(f"{option.opts[0]} needs {asks.opts[0]}")
    if refused:
        raise OptionError(
            f"--privacy and {' and '.join(refused)} do not go together: under privacy no frame is stored or shown",
            hint="leave one of them out",
        )
    return requested


@contextlib.contextmanager
def open_sinks(values: Mapping[str, Any], context: SinkContext) -> Iterator[tuple[Sink, ...]]:
    """Start the sinks that were asked for, and end them all, within :data:`CLOSE_S`, when it is left.

    Args:
        values: parameter name of :func:`sink_options` -> value; those that are absent have their defaults.
        context: the run; privacy and force are those of the values.

    Raises:
        EdgeemoError: options that do not go together, a missing package, or something that cannot be opened; on
            leaving, a file that could not be written.
        BrokenPipeError: on leaving, the reader of standard output has left.
    """
    requested = requested_sinks(values)
    context = replace(context, privacy=bool(values.get("privacy")), force=bool(values.get("force")))
    # From last to first, so that files come at the end: what can be refused before leaves no empty output behind.
    for name, kind in reversed(requested.items()):
        with explain_missing(f"the sink {name!r}", kind.extra):
            context.sinks.append(kind.open(context, **own_values(kind.options, values)))
    started: list[Sink] = []
    try:
        for sink in context.sinks:
            sink.start()
            started.append(sink)
        yield tuple(context.sinks)
    except BaseException:
        # What came first is what has to be reported.
        _close(started)
        raise
    failures = _close(started)
    for sink in started:
        if sink.dropped and not getattr(sink, "skips", False):
            context.warn(f"{sink.name}: {sink.dropped:,} updates were dropped, because it was too slow for them")
    if failures:
        raise failures[0]


def _close(sinks: Sequence[Sink]) -> list[Exception]:
    """End all at the same time, so that one that hangs takes nothing from the others; return their exceptions."""
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
