"""Loop from the frames of a source to the sinks, until the source ends or a signal comes."""

from __future__ import annotations

import contextlib
import signal
import statistics
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType

from ..common.errors import FrameLost, Stopped
from ..faces.analysis import FrameResult, classify_frame
from ..faces.detector import Detector
from ..faces.face import Face
from ..faces.tracker import Tracker
from ..inference.classifier import Classifier
from ..sinks.base import Listener, SourceState, SourceStatus, Update
from ..sources import Frame, Source
from .systemd import Watchdog

#: Medians are over so many of the latest frames: a run of a month must not grow.
RECENT = 1000
#: Seconds over which the rate is taken.
_RATE_S = 5.0
#: A second signal later than this many seconds ends the process at once, for somebody whose reader of our output hangs.
#: Sooner ones are the same Ctrl-C, sent on by a parent process.
_INSIST_S = 1.0


@dataclass
class Tally:
    """Counters of a run.

    Args:
        frames: classified frames.
        faces: faces in them.
        skipped: images that could not be read.
        seconds: time from waiting for the first frame to the end.
        recent: stage -> ms of the latest frames.
    """

    frames: int = 0
    faces: int = 0
    skipped: int = 0
    seconds: float = 0.0
    recent: dict[str, deque[float]] = field(default_factory=dict)

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        self.frames += 1
        self.faces += len(result.faces)
        for stage, value in result.times.to_dict().items():
            self.recent.setdefault(stage, deque(maxlen=RECENT)).append(value)

    @property
    def rate(self) -> float:
        """Frames per second; 0 for no time."""
        return self.frames / self.seconds if self.seconds else 0.0

    def median_ms(self) -> dict[str, float]:
        """Return stage -> median ms over the latest :data:`RECENT` frames; empty when there were none."""
        return {stage: statistics.median(values) for stage, values in self.recent.items()}

    def __str__(self) -> str:
        parts = [_count(self.frames, "frame"), _count(self.faces, "face")]
        if self.skipped:
            parts.append(_count(self.skipped, "image") + " skipped")
        parts.append(f"{self.rate:.1f} frames/s")
        medians = ", ".join(f"{stage} {value:.2f}" for stage, value in self.median_ms().items())
        return ", ".join(parts) + (f"; median ms: {medians}" if medians else "")


def updates(
    source: Source,
    detector: Detector,
    classifier: Classifier,
    *,
    tracker: Tracker | None = None,
    watchdog: Watchdog | None = None,
    max_frames: int | None = None,
    tally: Tally | None = None,
) -> Generator[Update, None, None]:
    """Yield what happens, frame after frame, until the source ends, is stopped, or ``max_frames`` are done.

    Args:
        source: entered source.
        detector: face detector.
        classifier: emotion classifier.
        tracker: gives faces an identity over time; images, which have no time, get none.
        watchdog: hears that the loop is alive: frames are classified or rejected, or a lost camera is being reopened.
        max_frames: number of frames after which it ends; None for no limit.
        tally: counters to add to; a frame counts once its update was taken.

    Raises:
        EdgeemoError: from the source or the model.
    """
    tally = Tally() if tally is None else tally
    watchdog = Watchdog() if watchdog is None else watchdog
    rate = Rate()
    start = time.monotonic()

    def update(status: SourceStatus, frame: Frame | None = None, result: FrameResult | None = None) -> Update:
        now = time.monotonic()
        tracks: tuple[Face, ...] = ()
        if tracker is not None and frame is not None and result is not None and frame.time_s is not None:
            tracks = tracker.update(result.faces, frame.time_s)
        status = replace(status, restarts=classifier.session.restarts, fps=rate.fps(now))
        return Update(frame, result, status, time.time(), now, tracks)

    try:
        yield (latest := update(source.status))
        watchdog.status(_sentence(latest.status))
        watchdog.ready()
        for frame in source:
            if frame is None:
                yield (latest := update(source.status))
                watchdog.status(_sentence(latest.status))
                if source.status.active:
                    watchdog.alive()
                continue
            try:
                result = classify_frame(frame.image, detector, classifier, small=frame.small)
            except Stopped:
                # The source knows of the end, too; it is no trouble to report.
                continue
            except FrameLost as error:
                # The frame is lost, and old by now; the next one is fresh.
                yield (latest := update(replace(source.status, reason=str(error))))
                watchdog.status(_sentence(latest.status))
                continue
            rate.add(time.monotonic())
            yield (latest := update(source.status, frame, result))
            watchdog.status(_sentence(latest.status))
            watchdog.alive()
            tally.add(result)
            if max_frames is not None and tally.frames >= max_frames:
                break
        yield (latest := update(replace(source.status, state=SourceState.ENDED)))
        watchdog.status(_sentence(latest.status))
    finally:
        watchdog.stopping()
        tally.seconds = time.monotonic() - start
        tally.skipped = source.skipped


def run_loop(
    source: Source,
    detector: Detector,
    classifier: Classifier,
    sinks: Sequence[Listener],
    *,
    tracker: Tracker | None = None,
    watchdog: Watchdog | None = None,
    max_frames: int | None = None,
    tally: Tally | None = None,
) -> Tally:
    """Publish :func:`updates` to sinks until there are no more.

    Args:
        sinks: started sinks; each takes every update, in this order.
        source, detector, classifier, tracker, watchdog, max_frames, tally: see :func:`updates`.

    Returns:
        The counters; the caller's own where it gave some, which are right even when a sink or the source fails.

    Raises:
        EdgeemoError: from the source or the model.
        OSError: from a sink.
    """
    tally = Tally() if tally is None else tally
    stream = updates(
        source, detector, classifier, tracker=tracker, watchdog=watchdog, max_frames=max_frames, tally=tally
    )
    with contextlib.closing(stream):
        for update in stream:
            for sink in sinks:
                sink.publish(update)
    return tally


class Rate:
    """Rate of frames over the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        """Count a frame, at a monotonic second."""
        self._times.append(now)

    def fps(self, now: float) -> float:
        """Return the frames per second at a monotonic second; 0 when the last frame is long past."""
        while self._times and now - self._times[0] > _RATE_S:
            self._times.popleft()
        span = now - self._times[0] if self._times else 0.0
        return round((len(self._times) - 1) / span, 2) if len(self._times) > 1 and span > 0 else 0.0


def _sentence(status: SourceStatus) -> str:
    return f"{status.state.value}: {status.reason}" if status.reason else status.state.value


class Stop:
    """The request to end a run.

    Attributes:
        requested: whether the end was requested.
    """

    def __init__(self, source: Source) -> None:
        self.requested = False
        self._source = source

    def request(self) -> None:
        """Request the end. Only sets flags: safe in a signal handler."""
        self.requested = True
        self._source.stop()


@contextlib.contextmanager
def stop_on_signals(source: Source) -> Iterator[Stop]:
    """Make SIGINT and SIGTERM ask the source to end instead of killing the process, within the block.

    A second one, at least a second later, raises KeyboardInterrupt.
    """
    first = None
    stop = Stop(source)

    def handler(_number: int, _frame: FrameType | None) -> None:
        nonlocal first
        stop.request()
        if first is None:
            first = time.monotonic()
        elif time.monotonic() - first > _INSIST_S:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
