"""One line of JSON for each frame, and for each change of the source's state."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..common.files import unwritable
from .base import SourceState, ThreadedSink, Update
from .events import frame_event, status_event

#: Lines that may wait for a reader that has stopped reading: half a minute of a fast camera.
QUEUE = 1000
#: States that need no line of their own: the first line says that it has started, the end of the lines that it ended.
_SILENT = (SourceState.STARTING, SourceState.ENDED)
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


class JsonLinesSink(ThreadedSink):
    """Writes each line at once and in one piece, so that a reader sees it at once.

    Args:
        stream: text; stays open.
        path: of the file behind it, for messages; None for standard output.
        until: see :class:`ThreadedSink`.
    """

    def __init__(self, stream: TextIO, *, path: Path | None = None, until: Callable[[], bool] | None = None) -> None:
        super().__init__("lines" if path is None else str(path), size=QUEUE, until=until)
        self._stream = stream
        self._path = path
        self._state = SourceState.RUNNING

    def _pack(self, update: Update) -> Update:
        # A thousand waiting frames would be a gigabyte; a line needs none of their pixels.
        return update if update.frame is None else replace(update, frame=replace(update.frame, image=_NO_PIXELS))

    def _take(self, update: Update) -> None:
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
