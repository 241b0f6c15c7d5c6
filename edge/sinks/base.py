"""Updates of a run, and the sinks that take them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import click

from ..common.console import message
from ..sources.base import Frame, SourceState, SourceStatus, Warn, warn_on_stderr

if TYPE_CHECKING:
    from ..faces.analysis import FrameResult
    from ..faces.face import Face

__all__ = [
    "Listener",
    "Sink",
    "SinkContext",
    "SinkKind",
    "SourceState",
    "SourceStatus",
    "ThreadedSink",
    "Update",
]

#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05


@dataclass(frozen=True, eq=False)
class Update:
    """One message to the sinks: a classified frame, or the status alone.

    Args:
        frame, result: classified frame and its result; both None when only the status is reported.
        tracks: tracked faces, see :mod:`edgeemo.edge.faces.tracker`.
        status: status of the source and the run.
        wall_time: seconds since 1970 by the system's clock, which may jump: for people only.
        monotonic: seconds by a clock that does not jump; for a frame, when it was handed to the loop.
    """

    frame: Frame | None
    result: FrameResult | None
    status: SourceStatus
    wall_time: float
    monotonic: float
    tracks: tuple[Face, ...] = ()

    @property
    def faces(self) -> tuple[Face, ...]:
        """Faces to show: the tracked ones where there are any, else those of the frame.

        None while the source does not run: what was seen before is not seen now.
        """
        if self.status.state is not SourceState.RUNNING:
            return ()
        return self.tracks or (() if self.result is None else self.result.faces)


class Listener(Protocol):
    """Receiver of updates in the loop's own thread; what takes long is a :class:`Sink`."""

    def publish(self, update: Update) -> None:
        """Take an update without waiting."""


class Sink(Listener, Protocol):
    """Output of a run. Whatever happens to its reader, it never keeps the loop waiting.

    Attributes:
        name: name for messages.
        dropped: number of updates that were lost because its queue was full.
    """

    name: str
    dropped: int

    def start(self) -> None:
        """Begin.

        Raises:
            EdgeemoError: something is wrong from the beginning (a file, a port).
        """

    def publish(self, update: Update) -> None:
        """Take an update without waiting; when the queue is full, drop one and count it."""

    def close(self, timeout: float) -> None:
        """Write out what is queued and end, in at most ``timeout`` seconds."""


class ThreadedSink:
    """Base of most sinks: a bounded queue, and a thread that empties it.

    A subclass defines :meth:`take`, which handles an update, and may define :meth:`finish`, which handles the end; both
    run in the thread. :meth:`pack` runs in the caller's and reduces an update to what is queued. An exception from the
    thread ends the sink; the next :meth:`publish`, or :meth:`close`, raises it.

    Args:
        name: name for messages.
        size: number of updates that may wait. When more come, the oldest is dropped and counted.
        until: when given, :meth:`publish` waits for room until this says True, and drops only then: for sources that
            can wait (a video file), so that a slow reader gets everything.
    """

    #: Whether dropping old updates is normal for it, and not worth a warning.
    skips = False

    def __init__(self, name: str, *, size: int, until: Callable[[], bool] | None = None) -> None:
        self.name = name
        self.dropped = 0
        self._size = size
        self._until = until
        self._queue: deque[Update] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)

    def start(self) -> None:
        """Begin to take updates."""
        self._thread.start()

    def publish(self, update: Update) -> None:
        """Queue an update.

        Raises:
            EdgeemoError, BrokenPipeError: what ended the sink.
        """
        packed = self.pack(update)
        with self._changed:
            if self._until is not None:
                while self._full() and not self._until():
                    self._changed.wait(_TICK_S)
            if self._failure is not None:
                raise self._failure
            if self._full():
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(packed)
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Process what waits, and end, in at most ``timeout`` seconds; what is left then is dropped and counted.

        Raises:
            EdgeemoError, BrokenPipeError: what ended the sink before.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        with self._changed:
            self.dropped += len(self._queue)
            self._queue.clear()
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def pack(self, update: Update) -> Update:
        """Return what is queued of an update: all of it, unless a subclass knows better."""
        return update

    def take(self, update: Update) -> None:
        """Handle an update."""
        raise NotImplementedError

    def finish(self) -> None:
        """Handle the end: nothing, unless a subclass has something to end."""

    def _full(self) -> bool:
        return len(self._queue) >= self._size and self._failure is None

    def _run(self) -> None:
        try:
            try:
                while (update := self._next()) is not None:
                    self.take(update)
            finally:
                self.finish()
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._queue.clear()
                self._changed.notify_all()

    def _next(self) -> Update | None:
        """Return the next update; None when the end was asked for and nothing waits."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            update = self._queue.popleft() if self._queue else None
            self._changed.notify_all()
            return update


def announce_on_stderr(sentence: str) -> None:
    """Print a sentence on standard error."""
    message(sentence)


@dataclass(frozen=True)
class SinkContext:
    """The run that sinks are opened for.

    Args:
        labels: labels of the model, in the order of its card.
        title: names of model and source, for headings.
        live: the source does not wait; False where it can (a video, a folder): then nothing is dropped, however slow a
            reader or a disk is.
        privacy: no pixel of a frame may be stored, shown or served.
        force: existing files may be overwritten.
        stopping: returns whether the run is to end, so that nothing waits for a slow reader any longer.
        stop: asks for the end of the run, as Ctrl-C does.
        warn: takes a sentence about what goes wrong without ending the run.
        announce: takes a sentence that the user has to know, such as an address.
        sinks: all sinks of the run; complete when the first one is started.
    """

    labels: Sequence[str]
    title: str = ""
    live: bool = True
    privacy: bool = False
    force: bool = False
    stopping: Callable[[], bool] = lambda: False
    stop: Callable[[], None] = lambda: None
    warn: Warn = warn_on_stderr
    announce: Callable[[str], None] = announce_on_stderr
    sinks: list[Sink] = field(default_factory=list)

    @property
    def until(self) -> Callable[[], bool] | None:
        """Value of ``until`` for a :class:`ThreadedSink`: a live source is never kept waiting."""
        return None if self.live else self.stopping


@dataclass(frozen=True)
class SinkKind:
    """Kind of sink: its command-line options, and how to open it.

    Args:
        options: command-line options; the first one asks for the sink, the others need it.
        open: makes the sink without starting it, called as ``open(context, **options)`` with the options' values by
            parameter name. Packages beyond numpy and click are imported here, not at the top of the module.
        private: no pixel of a frame leaves through it when ``context.privacy`` is set; a kind that does not promise
            that is refused under ``--privacy``.
        always: opened without its option too, unless the run is quiet.
        extra: extra of edgeemo that brings what ``open`` imports.
    """

    options: Sequence[click.Option]
    open: Callable[..., Sink]
    private: bool = False
    always: bool = False
    extra: str | None = None
