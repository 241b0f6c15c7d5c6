"""The loop over real frames, with real signals."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.edge.faces.analysis import FrameResult, StageTimes
from edgeemo.edge.faces.whole_image import WholeImage
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.runner.loop import RECENT, Tally, run_loop, stop_on_signals
from edgeemo.edge.sinks.base import SourceState, Update
from edgeemo.edge.sources import Frame
from edgeemo.edge.sources.video_file import VideoSource


class Collect:
    """Keeps what it gets, and may do something after each."""

    def __init__(self, then: Callable[[int], None] = lambda _count: None) -> None:
        self.got: list[tuple[Frame, FrameResult]] = []
        self.states: list[SourceState] = []
        self._then = then

    def publish(self, update: Update) -> None:
        if update.frame is None or update.result is None:
            self.states.append(update.status.state)
            return
        self.got.append((update.frame, update.result))
        self._then(len(self.got))


@pytest.fixture
def classifier(tiny_int8: Path) -> Classifier:
    return Classifier.open(tiny_int8)


@pytest.fixture
def run(clip_avi: Path, classifier: Classifier) -> Callable[..., Tally]:
    """Runs the loop over the clip, whole frames as faces, under the signal handlers."""

    def run_over_clip(*sinks: Collect, max_frames: int | None = None) -> Tally:
        source = VideoSource(clip_avi)
        with source, stop_on_signals(source):
            return run_loop(source, WholeImage(), classifier, sinks, max_frames=max_frames)

    return run_over_clip


def test_every_frame_reaches_every_sink_once(run: Callable[..., Tally]) -> None:
    one, two = Collect(), Collect()
    tally = run(one, two)
    assert [frame.index for frame, _ in one.got] == [frame.index for frame, _ in two.got] == list(range(30))
    assert (tally.frames, tally.faces) == (30, 30)
    assert one.states == [SourceState.RUNNING, SourceState.ENDED]


def test_max_frames_ends_it(run: Callable[..., Tally]) -> None:
    assert run(Collect(), max_frames=7).frames == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_after_the_frame_in_hand(run: Callable[..., Tally], number: int) -> None:
    sink = Collect(lambda count: os.kill(os.getpid(), number) if count == 3 else None)
    assert run(sink).frames == len(sink.got) == 3


def test_same_signal_twice_at_once_is_one(run: Callable[..., Tally]) -> None:
    def twice(_count: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert run(Collect(twice)).frames == 1


def test_second_signal_later_insists(run: Callable[..., Tally]) -> None:
    def insist(_count: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.1)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(Collect(insist))


def test_handlers_are_put_back(run: Callable[..., Tally]) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_tally_survives_a_failing_sink(clip_avi: Path, classifier: Classifier) -> None:
    def fail(count: int) -> None:
        if count == 4:
            raise OSError(28, "No space left on device")

    tally = Tally()
    with VideoSource(clip_avi) as source, pytest.raises(OSError, match="No space"):
        run_loop(source, WholeImage(), classifier, [Collect(fail)], tally=tally)
    assert tally.frames == 3
    assert tally.seconds > 0


def test_tally_does_not_grow_with_the_run() -> None:
    tally = Tally()
    for number in range(3 * RECENT):
        tally.add(FrameResult((), StageTimes(float(number), 0, 0, 0)))
    assert len(tally.recent["detect"]) == RECENT
    assert tally.median_ms()["detect"] == pytest.approx(2.5 * RECENT, abs=1)


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        (Tally(), "0 frames, 0 faces, 0.0 frames/s"),
        (Tally(frames=1, faces=1, seconds=0.5), "1 frame, 1 face, 2.0 frames/s"),
        (
            Tally(frames=1200, faces=2, skipped=3, seconds=60),
            "1,200 frames, 2 faces, 3 images skipped, 20.0 frames/s",
        ),
    ],
)
def test_summary_is_one_line(tally: Tally, text: str) -> None:
    assert str(tally) == text
