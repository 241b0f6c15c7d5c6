"""A V4L2 camera that OpenCV opens by its real back end, in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import pytest

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

WATCH = Path(__file__).parent / "streams" / "watch.py"

Follow = Callable[..., tuple[Any, Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]]]


@pytest.fixture
def follow(start: Any, fake_camera: Any, tmp_path: Path) -> Follow:
    """Starts a process that follows the camera; returns it, and a function that waits for an entry of its record."""

    def follow_camera(*settings: str) -> Any:
        path = tmp_path / "record"
        process = start(WATCH, "0", path, *settings, env=fake_camera.env)

        def wait_for(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            deadline = time.monotonic() + 15
            began = time.monotonic()
            while time.monotonic() < deadline:
                lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
                for line in lines:
                    # A line is seen while it is being written.
                    entry = json.loads(line) if line.endswith("}") else {"time": 0}
                    if entry["time"] >= began - 1 and wanted(entry):
                        return entry
                time.sleep(0.02)
            raise AssertionError(f"did not come: {lines[-3:]}")

        return process, wait_for

    return follow_camera


def framed(entry: dict[str, Any]) -> bool:
    return entry.get("number") is not None


def test_frames_are_new_ones_and_the_newest(start: Any, fake_camera: Any) -> None:
    code = """
import time
from edgeemo.edge.sources import open_source
with open_source("0") as source:
    for frame in source:
        if frame is not None:
            print(frame.index, frame.time_s, frame.image.mean(), *frame.image.shape, flush=True)
            time.sleep(0.2)
"""
    process = start("-c", code, env=fake_camera.env)
    lines = [process.stdout.readline().split() for _ in range(8)]
    indices = [int(line[0]) for line in lines]
    # 25 frames a second and a reader that takes 0.2 s: about five frames on each time, and never the same again.
    assert all(later - earlier >= 2 for earlier, later in pairwise(indices))
    # Video range (16 to 235) is stretched to 0 to 255. OpenCV keeps the first frame to itself, hence at most one apart.
    shown = [round(((float(line[2]) / 255 * 219) + 16 - 50) / 3) for line in lines]
    assert {(number - index) % 50 for number, index in zip(shown, indices, strict=True)} <= {0, 1}
    assert [float(line[1]) for line in lines] == pytest.approx([index / 25 for index in indices], abs=0.15)
    assert lines[0][3:] == ["480", "640", "3"]


@pytest.mark.parametrize("mood", ["unplug", pytest.param("stall", marks=pytest.mark.slow), "hang"])
def test_lost_camera_is_reopened(mood: str, follow: Follow, fake_camera: Any) -> None:
    _, wait_for = follow("stall=1")
    wait_for(framed)
    fake_camera.be(mood)
    began = time.monotonic()
    lost = wait_for(lambda entry: entry["time"] > began and entry.get("state") == "reconnecting")
    assert lost["time"] - began < 2.5
    fake_camera.be("play")
    back = time.monotonic()
    found = wait_for(lambda entry: entry["time"] > back and framed(entry))
    assert found["time"] - back < 3
    assert found["reconnects"] == 1


@pytest.mark.slow
def test_stall_within_the_deadline_is_no_loss(follow: Follow, fake_camera: Any) -> None:
    _, wait_for = follow("stall=4")
    wait_for(framed)
    fake_camera.be("stall")
    time.sleep(1.3)
    fake_camera.be("play")
    back = time.monotonic()
    assert wait_for(lambda entry: entry["time"] > back and framed(entry))["reconnects"] == 0


def test_attempts_may_be_limited(follow: Follow, fake_camera: Any) -> None:
    process, wait_for = follow("stall=1", "retries=2")
    wait_for(framed)
    fake_camera.be("unplug")
    entry = wait_for(lambda entry: "error" in entry)
    assert entry["error"].startswith("camera /dev/video0 is lost and did not come back in 2 attempts (camera 0 (/dev/v")
    assert process.wait(5) == 0


def test_absent_camera_is_waited_for_when_asked_to(follow: Follow, fake_camera: Any) -> None:
    fake_camera.be("unplug")
    _, wait_for = follow("wait=1")
    assert "cannot be opened" in wait_for(lambda entry: entry.get("state") == "reconnecting")["reason"]
    fake_camera.be("play")
    back = time.monotonic()
    found = wait_for(lambda entry: entry["time"] > back and framed(entry))
    assert (found["state"], found["reconnects"]) == ("running", 0)


def test_absent_camera_is_one_sentence(follow: Follow, fake_camera: Any) -> None:
    fake_camera.be("unplug")
    _, wait_for = follow()
    assert wait_for(lambda entry: "error" in entry)["error"].startswith("camera 0 (/dev/video0) cannot be opened")


@pytest.mark.slow
def test_frozen_camera_is_reopened(follow: Follow, fake_camera: Any) -> None:
    _, wait_for = follow("reopen=0.5")
    wait_for(framed)
    fake_camera.be("freeze")
    wait_for(lambda entry: entry.get("state") == "frozen" and entry["reconnects"] >= 1)
    fake_camera.be("play")
    back = time.monotonic()
    wait_for(lambda entry: entry["time"] > back and framed(entry))


def test_opencv_is_the_one_that_reads_v4l2() -> None:
    assert "V4L2" in [cv2.videoio_registry.getBackendName(number) for number in cv2.videoio_registry.getBackends()]
