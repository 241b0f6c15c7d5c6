"""JSON lines: one for each frame, and one for each change of the source's state."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np

from ..common.errors import OutputError
from ..common.files import new_file, unwritable
from .base import Sink, SinkContext, SinkKind, SourceState, ThreadedSink, Update
from .events import frame_event, status_event

#: Lines that may wait for a reader that has stopped reading: half a minute of a fast camera.
QUEUE = 1000
#: States that need no line of their own: the first line says that it has started, the end of the lines that it ended.
_SILENT = (SourceState.STARTING, SourceState.ENDED)
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


class JsonLinesSink(ThreadedSink):
    """Sink that writes each line at once and in one piece, so that a reader sees it at once.

    Args:
        target: text stream, which stays open, or path of a new file: the one output that is not renamed into place at
            the end, because its readers follow it while it grows.
        force: an existing file may be overwritten.
        until: see :class:`ThreadedSink`.

    Raises:
        FileError: the file exists.
    """

    def __init__(self, target: TextIO | Path, *, force: bool = False, until: Callable[[], bool] | None = None) -> None:
        self._path = new_file(target, force=force) if isinstance(target, Path) else None
        super().__init__("lines" if self._path is None else str(self._path), size=QUEUE, until=until)
        self._stream = None if isinstance(target, Path) else target
        self._state = SourceState.RUNNING

    def start(self) -> None:
        """Make the file and begin.

        Raises:
            FileError: the file cannot be made.
        """
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise unwritable(self._path, error) from error
        super().start()

    def close(self, timeout: float) -> None:
        """Write what waits, and close the file."""
        try:
            super().close(timeout)
        finally:
            if self._path is not None and self._stream is not None:
                self._stream.close()

    def pack(self, update: Update) -> Update:
        # A thousand waiting frames would be a gigabyte; a line needs none of their pixels.
        return update if update.frame is None else replace(update, frame=replace(update.frame, image=_NO_PIXELS))

    def take(self, update: Update) -> None:
        try:
            if update.frame is not None:
                self._write(frame_event(update))
            state = update.status.state
            if state is not self._state and state not in _SILENT:
                self._state = state
                if update.frame is None:
                    self._write(status_event(update))
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._path is None:
                raise
            raise unwritable(self._path, error) from error

    def _write(self, value: dict[str, Any]) -> None:
        assert self._stream is not None
        line = json.dumps(value, separators=(",", ":")) + "\n"
        try:
            handle = self._stream.fileno()
        except io.UnsupportedOperation:
            self._stream.write(line)
            return
        # Past the stream's buffer: a thread that hangs in it would keep the process from ending.
        rest = memoryview(line.encode("ascii"))
        while rest:
            rest = rest[os.write(handle, rest) :]


def _open(context: SinkContext, *, out: str | None = None) -> Sink:
    if out is not None:
        return JsonLinesSink(Path(out), force=context.force, until=context.until)
    # Python's own word for a descriptor that was closed at the start.
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint="give --out FILE, or --quiet")
    return JsonLinesSink(sys.stdout, until=context.until)


SINK = SinkKind(
    options=(
        click.Option(
            ["-o", "--out"],
            metavar="FILE",
            help="Write the JSON lines to FILE as they come, instead of to standard output.",
        ),
    ),
    open=_open,
    private=True,
    always=True,
)
