"""The runner: frames from a source, faces and emotions out to sinks, until the source ends or a signal comes."""

from __future__ import annotations

import contextlib
import signal
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType

from .classifier import Classifier
from .detect import Detector
from .emotion import FrameResult, classify_frame
from .events import Sink
from .sources import Source

#: Medians are over so many of the latest frames: a run of a month must not grow.
RECENT = 1000
#: A second signal later than this many seconds ends the process at once, for somebody whose reader of our output hangs.
#: Sooner ones are the same Ctrl-C, sent on by a parent process.
_INSIST_S = 1.0


@dataclass
class Tally:
    """What a run has done so far.

    Args:
        frames, faces: classified.
        skipped: pictures that could not be read.
        seconds: from the first frame's arrival being awaited to the end.
        recent: ms of each stage of the latest frames, by stage.
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
        """Frames a second; 0 for no time."""
        return self.frames / self.seconds if self.seconds else 0.0

    def median_ms(self) -> dict[str, float]:
        """Stage -> median ms over the latest :data:`RECENT` frames; empty when there were none."""
        return {stage: statistics.median(values) for stage, values in self.recent.items()}

    def __str__(self) -> str:
        parts = [_count(self.frames, "frame"), _count(self.faces, "face")]
        if self.skipped:
            parts.append(_count(self.skipped, "picture") + " skipped")
        parts.append(f"{self.rate:.1f} frames/s")
        medians = ", ".join(f"{stage} {value:.2f}" for stage, value in self.median_ms().items())
        return ", ".join(parts) + (f"; median ms: {medians}" if medians else "")


def run_loop(
    source: Source,
    detector: Detector,
    classifier: Classifier,
    sinks: Sequence[Sink],
    *,
    max_frames: int | None = None,
    tally: Tally | None = None,
) -> Tally:
    """Classify frame after frame until the source ends, is stopped, or ``max_frames`` are done.

    Args:
        source: entered already.
        detector, classifier: what is done with a frame.
        sinks: take every result, in this order.
        max_frames: None for no limit.
        tally: counts into this one, so that the caller has it even when a sink or the source fails.

    Raises:
        EdgeemoError: from the source or the model.
        OSError: from a sink.
    """
    tally = Tally() if tally is None else tally
    start = time.monotonic()
    try:
        for frame in source:
            result = classify_frame(frame.image, detector, classifier)
            for sink in sinks:
                sink.write(frame, result)
            tally.add(result)
            if max_frames is not None and tally.frames >= max_frames:
                break
    finally:
        tally.seconds = time.monotonic() - start
        tally.skipped = source.skipped
    return tally


@contextlib.contextmanager
def stop_on_signals(source: Source) -> Iterator[None]:
    """While in it, SIGINT and SIGTERM ask the source to end instead of killing the process.

    A second one, at least a second later, raises KeyboardInterrupt.
    """
    first = None

    def handler(_number: int, _frame: FrameType | None) -> None:
        nonlocal first
        source.stop()
        if first is None:
            first = time.monotonic()
        elif time.monotonic() - first > _INSIST_S:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
