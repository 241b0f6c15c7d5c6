"""Video files that are written and read again, and disks that are full."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sinks.base import SourceState, Update
from edgeemo.edge.sinks.overlay import annotate
from edgeemo.edge.sinks.video_file import VideoSink

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

Make = Callable[..., Update]


def record(path: Path, updates: list[Update], **options: object) -> list[str]:
    """Write a video; returns the warnings."""
    warnings: list[str] = []
    sink = VideoSink(path, warn=warnings.append, until=lambda: False, **options)  # type: ignore[arg-type]
    sink.start()
    for update in updates:
        sink.publish(update)
    sink.close(20)
    assert sink.dropped == 0
    return warnings


def frames(path: Path) -> list[np.ndarray]:
    """RGB frames of a video."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        good, frame = capture.read()
        if not good:
            return found
        found.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def gray(level: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    return np.full((*shape, 3), level, np.uint8)


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".AVI"])
@pytest.mark.parametrize("rate", [5, 15, 60])
def test_video_lasts_as_long_as_it_took(suffix: str, rate: int, update: Make, tmp_path: Path) -> None:
    path = tmp_path / f"new/out{suffix}"
    updates = [update(index, at=1000 + index / rate, image=gray(4 * (index * 15 // rate))) for index in range(2 * rate)]
    assert record(path, updates) == []
    got = frames(path)
    assert len(got) == pytest.approx(30, abs=3)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 15
    levels = [float(frame[20, 150].mean()) for frame in got]
    assert levels == pytest.approx([4 * i for i in range(len(got))], abs=4 * 15 / rate + 8)


@pytest.mark.parametrize(("times", "seconds"), [([0.0, 1.0, 2.0, 3.0], 3), ([None] * 4, 3)], ids=["video", "images"])
def test_recorded_source_keeps_its_own_time(
    times: list[float | None], seconds: int, update: Make, tmp_path: Path
) -> None:
    updates = [update(index) for index in range(4)]
    updates = [
        replace(one, frame=replace(one.frame, time_s=time_s)) for one, time_s in zip(updates, times, strict=True)
    ]
    record(tmp_path / "out.avi", updates, live=False)
    assert len(frames(tmp_path / "out.avi")) == pytest.approx(15 * seconds + 1, abs=1)


def test_long_gap_is_cut_and_says_what_it_was(update: Make, tmp_path: Path) -> None:
    lost = update(None, state=SourceState.RECONNECTING, reason="camera lost", at=1002)
    updates = [update(0, at=1000, image=gray(200)), lost, update(1, at=4600, image=gray(100))]
    assert record(tmp_path / "out.avi", updates) == []
    got = frames(tmp_path / "out.avi")
    assert len(got) == pytest.approx(15 * 7, abs=2)
    assert [round(float(got[i][20, 150].mean()) / 20) for i in (20, 60, -1)] == [10, 1, 5]


def test_frame_of_another_size_is_fitted_in(update: Make, tmp_path: Path) -> None:
    sizes = [(121, 161), (240, 320), (40, 320)]
    updates = [update(i, at=1000 + i, image=gray(220, size)) for i, size in enumerate(sizes)]
    assert record(tmp_path / "out.avi", updates) == []
    got = frames(tmp_path / "out.avi")
    assert {frame.shape for frame in got} == {(120, 160, 3)}
    assert [round(float(got[-1][y, 155].mean()), -1) for y in (15, 60)] == [30, 220]


def test_boxes_and_labels_are_painted(update: Make) -> None:
    plain, painted = update(0, faces=0, shape=(480, 640)), update(0, faces=2, shape=(480, 640))
    one, other = annotate(plain, (640, 480)), annotate(painted, (640, 480))
    changed = np.argwhere((one != other).any(axis=2))
    assert changed.min(axis=0).tolist()[1] >= 8
    assert other[30, 10].tolist() == [20, 200, 250]
    assert np.array_equal(one[200:, 300:], other[200:, 300:])
    assert painted.frame is not None
    assert (painted.frame.image == 40).all()


def test_nothing_shown_leaves_no_file(update: Make, tmp_path: Path) -> None:
    record(tmp_path / "out.avi", [update(None, state=SourceState.RECONNECTING)])
    assert not (tmp_path / "out.avi").exists()


def test_full_disk_is_reported_and_the_rest_is_kept(update: Make, tmp_path: Path) -> None:
    updates = [update(index, at=1000 + index / 15) for index in range(60)]
    (warning,) = record(tmp_path / "out.avi", updates, reserve=2**60)
    assert warning.startswith(f"the video {tmp_path / 'out.avi'} ends after 0 s (only ")
    assert warning.endswith(" MB are free on its disk); the run continues without it")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("reserve", [2**20, 0], ids=["in time", "too late"])
def test_disk_that_fills_up_under_it(reserve: int, update: Make, small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    updates = [update(index, at=1000 + index / 15, image=noise) for index in range(15 * 20)]
    (warning,) = record(small_disk / "out.avi", updates, reserve=reserve)
    assert "the run continues without it" in warning
    if reserve:
        assert len(frames(small_disk / "out.avi")) > 15


_LIMITED = """
import resource, signal, sys
sys.path[:0] = {path!r}
from edgeemo.edge.sinks import video_file
video_file._GROWTH_S = 5
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
import numpy as np, time
from edgeemo.edge.faces.analysis import FrameResult, StageTimes
from edgeemo.edge.sources import Frame
from edgeemo.edge.sinks.base import SourceState, SourceStatus, Update
noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
sink = video_file.VideoSink({out!r}, until=lambda: False)
sink.start()
for index in range(15 * 30):
    frame = Frame(index, 0.0, noise, "camera")
    status = SourceStatus(SourceState.RUNNING)
    sink.publish(Update(frame, FrameResult((), StageTimes(0, 0, 0, 0)), status, time.time(), index / 15, ()))
sink.close(20)
print("the run went on")
"""


def test_file_that_may_not_grow_is_noticed(tmp_path: Path) -> None:
    code = _LIMITED.format(path=sys.path, out=str(tmp_path / "out.avi"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "the run went on\n"
    assert "Warning: the video" in done.stderr
    assert "(the file does not grow any more); the run continues without it" in done.stderr


def test_slow_disk_keeps_nobody_waiting(update: Make, tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4")
    sink.start()
    slowest = 0.0
    for index in range(60):
        message = update(index, shape=(720, 1280), at=1000 + index / 15)
        began = time.perf_counter()
        sink.publish(message)
        slowest = max(slowest, time.perf_counter() - began)
    sink.close(20)
    assert slowest < 0.5
    assert sink.dropped > 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("out.mkv", "out.mkv has no known video format, expected .avi or .mp4"),
        ("out", "out has no known video format"),
        ("there.avi", "there.avi exists already; choose another name, or overwrite it with --force"),
        (".avi", "has no known video format"),
    ],
)
def test_what_cannot_become_a_video_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "there.avi").write_bytes(b"old")
    with pytest.raises(EdgeemoError) as caught:
        VideoSink(tmp_path / name)
    assert sentence in str(caught.value)
    assert (tmp_path / "there.avi").read_bytes() == b"old"


def test_force_overwrites(update: Make, tmp_path: Path) -> None:
    (tmp_path / "there.avi").write_bytes(b"old")
    record(tmp_path / "there.avi", [update(0)], force=True)
    assert len(frames(tmp_path / "there.avi")) == 1
