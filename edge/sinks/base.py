"""What the loop tells its sinks: a classified frame, or how the source is."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..sources.base import Frame, SourceState, SourceStatus

if TYPE_CHECKING:
    from ..faces.analysis import FrameResult
    from ..faces.face import Face

__all__ = ["Listener", "Sink", "SourceState", "SourceStatus", "ThreadedSink", "Update"]

#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05


@dataclass(frozen=True, eq=False)
class Update:
    """One message to the sinks.

    Args:
        frame, result: what was classified; both None when only the status is told.
        tracks: tracked faces, see :mod:`edgeemo.edge.faces.tracker`.
        status: how it stands.
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
        """The faces to show: the tracked ones where there are any, else those of the frame.

        None while the source does not run: what was seen before is not seen now.
        """
        if self.status.state is not SourceState.RUNNING:
            return ()
        return self.tracks or (() if self.result is None else self.result.faces)


class Listener(Protocol):
    """Anything that takes updates, in the loop's own thread: what takes long is a :class:`Sink`."""

    def publish(self, update: Update) -> None:
        """Take an update without waiting."""


class Sink(Listener, Protocol):
    """Where updates go. Whatever happens to its reader, it never keeps the loop waiting.

    Attributes:
        name: for messages.
        dropped: updates that were lost because its queue was full.
    """

    name: str
    dropped: int

    def start(self) -> None:
        """Begin; whatever can be wrong from the beginning (a file, a port) is told here, by an EdgeemoError."""

    def publish(self, update: Update) -> None:
        """Take an update without waiting; when the queue is full, drop one and count it."""

    def close(self, timeout: float) -> None:
        """Write out what is queued and end, in at most ``timeout`` seconds."""


class ThreadedSink:
    """Takes updates without waiting and works them off in a thread of its own.

    A child says in :meth:`_take` what is done with an update, and may say in :meth:`_finish` what is done at the end;
    both run in the thread. :meth:`_pack` runs in the caller's and makes of an update what is queued. An exception from
    the thread ends the sink; the next :meth:`publish`, or :meth:`close`, raises it.

    Args:
        name: for messages.
        size: updates that may wait. When more come, the oldest is dropped and counted.
        until: when given, :meth:`publish` waits for room until this says True, and drops only then: for sources that
            can wait (a video file), so that a slow reader gets everything.
    """

    #: Whether leaving out what is old is its nature, and not worth a word.
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
        packed = self._pack(update)
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
        """Work off what waits, and end, in at most ``timeout`` seconds; what is left then is dropped and counted.

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

    def _pack(self, update: Update) -> Update:
        return update

    def _take(self, update: Update) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """Nothing, where a child has nothing to end."""

    def _full(self) -> bool:
        return len(self._queue) >= self._size and self._failure is None

    def _run(self) -> None:
        try:
            try:
                while (update := self._next()) is not None:
                    self._take(update)
            finally:
                self._finish()
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._queue.clear()
                self._changed.notify_all()

    def _next(self) -> Update | None:
        """The next update; None when the end was asked for and nothing waits."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            update = self._queue.popleft() if self._queue else None
            self._changed.notify_all()
            return update
