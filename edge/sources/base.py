"""Frames, the sources that give them, and the status of a source."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import click
import numpy as np

from ..common.console import message
from .live.limits import Limits

_Recorded = TypeVar("_Recorded", bound="RecordedSource")


class SourceState(enum.Enum):
    """State of a source; frames are classified in ``RUNNING`` only."""

    STARTING = "starting"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    FROZEN = "frozen"
    BLACK = "black"
    ENDED = "ended"


@dataclass(frozen=True)
class SourceStatus:
    """State of a source with its reason and counters, for the loop, its sinks and the service manager.

    Args:
        state: current state.
        reason: one sentence for people, empty when there is nothing to say. Holds no credentials.
        since: monotonic seconds at which this state began.
        reconnects: number of times the source was reopened.
        dropped: frames that arrived but were not classified: replaced by newer ones, too old, black, frozen, damaged.
        restarts: number of times the model's process was restarted.
        fps: classified frames per second over the last seconds.
        active: whether something is being done about a source that gives nothing.
    """

    state: SourceState
    reason: str = ""
    since: float = 0.0
    reconnects: int = 0
    dropped: int = 0
    restarts: int = 0
    fps: float = 0.0
    active: bool = True


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source, with its position.

    Args:
        index: position in the source, from 0; a gap means skipped images.
        time_s: position in a video; seconds since a camera's first frame; None for images, which have no time.
        image: uint8 (h, w, 3) RGB.
        name: file or camera that it comes from, without credentials.
        small: the same view in gray, uint8 (h', w'), when the camera gives one for the detector; usually None.
    """

    index: int
    time_s: float | None
    image: np.ndarray
    name: str
    small: np.ndarray | None = None


class Source(Protocol):
    """A context manager and iterable of frames; one pass over it gives every frame once.

    A camera's pass also gives None: there is no fresh frame now, look at :attr:`status`. It does so whenever the status
    changes, and every so often while there is nothing to classify, so that the loop never waits in vain.

    Attributes:
        skipped: images that could not be read and were reported.
    """

    skipped: int

    @property
    def status(self) -> SourceStatus:
        """Current status."""

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame | None]: ...

    def stop(self) -> None:
        """Ask the source to end after the frame in hand. Only sets a flag: safe in a signal handler and any thread."""


class RecordedSource:
    """Base of sources that wait for their reader, such as files: running from the start until they end.

    A subclass defines ``__iter__`` and ends it when :attr:`stopping` is set.

    Attributes:
        skipped: images that could not be read and were reported.
        stopping: whether :meth:`stop` was called.
        status: always running.
    """

    status = SourceStatus(SourceState.RUNNING)

    def __init__(self) -> None:
        self.skipped = 0
        self.stopping = False

    def __enter__(self: _Recorded) -> _Recorded:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame | None]:
        raise NotImplementedError

    def stop(self) -> None:
        """End after the frame in hand."""
        self.stopping = True


#: Takes one sentence about something that went wrong and does not end the run.
Warn = Callable[[str], None]


def warn_on_stderr(sentence: str) -> None:
    """Print a warning on standard error; the usual :data:`Warn`."""
    message(f"Warning: {sentence}")


@dataclass(frozen=True)
class SourceContext:
    """Settings that every source is opened with.

    Args:
        limits: deadlines of cameras; None for the usual ones.
        warn: takes a sentence about what is passed over without ending the run.
    """

    limits: Limits | None = None
    warn: Warn = warn_on_stderr


@dataclass(frozen=True)
class SourceKind:
    """Kind of source: which values of ``--source`` mean it, and how to open it.

    Args:
        form: values that it accepts, as the help shows them, such as ``"picamera2[:N]"``.
        help: a few words on what such a value means.
        accepts: returns whether a value means a source of this kind; must be quick and open nothing.
        open: makes the source, called as ``open(value, context, **options)``; opens no device yet. Packages beyond the
            base install are imported here, not at the top of the module.
        options: command-line options of this kind alone; their values are passed to ``open`` by parameter name.
        priority: kinds are asked in ascending order: 0 for exact forms, 2 and 3 for those that take any path.
        extra: extra of edgeemo that brings what ``open`` imports.
    """

    form: str
    help: str
    accepts: Callable[[str], bool]
    open: Callable[..., Source]
    options: Sequence[click.Option] = ()
    priority: int = 1
    extra: str | None = None
