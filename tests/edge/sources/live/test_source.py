"""The watch over a camera, with cameras that hang, fail and lie in ways that no device here can be made to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sources.base import Frame, SourceState
from edgeemo.edge.sources.live.camera import CameraLost, CapturedFrame
from edgeemo.edge.sources.live.frame_checks import FreezeDetector, is_black
from edgeemo.edge.sources.live.limits import Backoff, Limits
from edgeemo.edge.sources.live.source import MOST_HUNG, LiveSource

from ....conftest import raises

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

LIMITS = Limits(open_s=0.2, stall_s=0.3, frozen_s=0, backoff=Backoff(0.02, 0.05))


class Noise:
    """A camera with an image every 10 ms; tests replace its methods.

    Attributes:
        opened: how often.
        hangs: while it is not set, reading hangs.
    """

    name = "noise"

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.free = threading.Event()
        self.free.set()

    def open(self) -> Noise:
        self.opened += 1
        return self

    def read(self) -> CapturedFrame | None:
        self.free.wait()
        time.sleep(0.01)
        now = time.monotonic()
        return CapturedFrame(now, now, lambda: np.random.default_rng().integers(50, 200, (48, 64, 3), np.uint8))

    def close(self) -> None:
        self.closed += 1


class Follower:
    """One pass over a source.

    Args:
        source: entered already.
    """

    def __init__(self, source: LiveSource) -> None:
        self._source, self._passing = source, iter(source)

    def __call__(self, until: Callable[[LiveSource, Frame | None], bool]) -> None:
        """Continue until ``until`` says so."""
        deadline = time.monotonic() + 10
        for frame in self._passing:
            if until(self._source, frame):
                return
            assert time.monotonic() < deadline
        raise AssertionError("the source ended")


@pytest.fixture
def camera() -> Iterator[Noise]:
    camera = Noise()
    yield camera
    camera.free.set()


def test_threads_that_hang_are_bounded_and_the_camera_is_taken_back(camera: Noise) -> None:
    with LiveSource(camera, limits=LIMITS) as source:
        follow = Follower(source)
        follow(lambda _, frame: frame is not None)
        camera.free.clear()
        follow(lambda source, _: not source.status.active)
        assert source.status.state is SourceState.RECONNECTING
        assert source.status.reason == "its driver hangs: unplug the camera, or restart the machine"
        assert camera.opened == MOST_HUNG
        camera.free.set()
        follow(lambda _, frame: frame is not None)
        assert source.status.active
    deadline = time.monotonic() + 2
    while camera.closed < camera.opened and time.monotonic() < deadline:
        time.sleep(0.01)
    assert camera.closed == camera.opened


def test_frozen_camera_that_is_lost_is_reconnecting(camera: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    def still() -> CapturedFrame:
        time.sleep(0.01)
        now = time.monotonic()
        return CapturedFrame(now, now, lambda: np.full((48, 64, 3), 90, np.uint8))

    def fail() -> None:
        raise CameraLost("it was unplugged")

    monkeypatch.setattr(camera, "read", still)
    limits = Limits(stall_s=0.5, frozen_s=0.1, reopen_s=0.2, backoff=Backoff(0.02, 0.05))
    with LiveSource(camera, limits=limits) as source:
        follow = Follower(source)
        states = set()
        follow(lambda source, _: states.add(source.status.state) or source.status.reconnects >= 2)
        assert states == {SourceState.RUNNING, SourceState.FROZEN}
        monkeypatch.setattr(camera, "read", fail)
        follow(lambda source, _: source.status.state is SourceState.RECONNECTING)
        assert source.status.reason == "it was unplugged"


def test_opening_that_hangs_is_given_up(camera: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "open", lambda: camera.free.wait() and camera)
    camera.free.clear()
    with raises(EdgeemoError, problem=r"camera noise cannot be opened within 0\.2 s"):
        LiveSource(camera, limits=LIMITS).__enter__()


@pytest.mark.parametrize(
    ("failure", "reason"), [(CameraLost("it fell down"), "it fell down"), (ValueError("?"), "it failed (ValueError)")]
)
def test_failure_in_the_driver_is_a_lost_camera(
    failure: Exception, reason: str, camera: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise failure

    with LiveSource(camera, limits=LIMITS) as source:
        follow = Follower(source)
        follow(lambda _, frame: frame is not None)
        monkeypatch.setattr(camera, "read", fail)
        follow(lambda source, _: source.status.state is SourceState.RECONNECTING)
        assert source.status.reason == reason
        monkeypatch.undo()
        follow(lambda _, frame: frame is not None)


def test_old_images_are_not_even_decoded(camera: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    def old() -> CapturedFrame:
        time.sleep(0.01)
        return CapturedFrame(time.monotonic(), time.monotonic() - 2, lambda: pytest.fail("decoded"))

    monkeypatch.setattr(camera, "read", old)
    with LiveSource(camera, limits=LIMITS) as source:
        follow = Follower(source)
        follow(lambda source, _: source.status.state is SourceState.RECONNECTING)
    assert source.status.reason == "nothing but images older than 1 s for 0.3 s"
    assert source.status.dropped > 5


def test_attempts_count_from_the_last_time_it_was_well(camera: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise EdgeemoError("it is away")

    limits = Limits(stall_s=0.3, frozen_s=0, retries=2, backoff=Backoff(0.01, 0.01))
    with LiveSource(camera, limits=limits) as source:
        follow = Follower(source)
        follow(lambda _, frame: frame is not None)
        monkeypatch.setattr(camera, "open", refuse)
        monkeypatch.setattr(camera, "read", lambda: camera.free.wait(0.05) and None)
        with raises(EdgeemoError, problem=r"noise is lost and did not come back in 2 attempts \(it is away\)"):
            follow(lambda *_: False)


def test_loop_that_is_slow_is_not_taken_for_a_stall(camera: Noise) -> None:
    with LiveSource(camera, limits=LIMITS) as source:
        frames = 0
        for frame in source:
            frames += frame is not None
            # Longer than the camera's deadline.
            time.sleep(0.7)
            if frames == 3:
                break
        assert source.status.reconnects == 0
        assert source.status.dropped > 20


def test_nothing_is_given_after_a_stop(camera: Noise) -> None:
    with LiveSource(camera, limits=LIMITS) as source:
        passing = iter(source)
        assert next(passing) is not None
        began = time.monotonic()
        source.stop()
        assert list(passing) == []
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("image", "black"),
    [
        (np.zeros((48, 64, 3), np.uint8), True),
        (np.full((480, 640, 3), 16, np.uint8), True),
        (np.random.default_rng(0).integers(0, 24, (480, 640, 3), np.uint8), True),
        (np.full((480, 640, 3), 40, np.uint8), False),
        (np.pad(np.full((60, 60, 3), 90, np.uint8), ((200, 220), (300, 280), (0, 0))), False),
        (np.pad(np.full((1, 1, 3), 255, np.uint8), ((200, 279), (300, 339), (0, 0))), True),
    ],
    ids=["nothing", "video range", "sensor noise", "dusk", "a lit face in the dark", "a hot pixel"],
)
def test_black_is_where_no_face_can_be_seen(image: np.ndarray, black: bool) -> None:
    assert is_black(image) is black


def test_stillness_counts_from_the_first_of_equal_images() -> None:
    one, other = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    other[3, 3, 2] = 1
    still = FreezeDetector()
    images = [one, one.copy(), one.copy(), other, other.copy(), np.zeros((5, 4, 3), np.uint8)]
    assert [still.seconds(image, float(second)) for second, image in enumerate(images)] == [0, 1, 2, 0, 1, 0]


def test_waits_double_up_to_a_limit_and_never_overflow() -> None:
    backoff = Backoff(1, 8, jitter=0.1)
    waits = [backoff.wait_s(attempt) for attempt in (1, 2, 3, 4, 5, 6, 10_000)]
    assert [round(wait / scale, 1) for wait, scale in zip(waits, (1, 2, 4, 8, 8, 8, 8), strict=True)] == pytest.approx(
        [1] * 7, abs=0.11
    )
