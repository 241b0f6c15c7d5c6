"""What the loop tells its sinks: a classified frame, or how the source is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..faces.analysis import FrameResult
from ..faces.face import Face
from ..sources.base import Frame
from ..sources.status import State, Status

__all__ = ["Listener", "Sink", "State", "Status", "Update"]


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
    status: Status
    wall_time: float
    monotonic: float
    tracks: tuple[Face, ...] = ()

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces to show: the tracked ones where there are any, else those of the frame.

        None while the source does not run: what was seen before is not seen now.
        """
        if self.status.state is not State.RUNNING:
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
