"""A window on a real X server without a monitor."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sinks import window
from edgeemo.edge.sinks.window import WindowSink

from ...conftest import raises

XVFB = shutil.which("Xvfb")
# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

_SHOW = """
import sys, time
sys.path[:0] = {path!r}
import numpy as np
from edgeemo.edge.faces.analysis import FrameResult, StageTimes
from edgeemo.edge.sinks.window import WindowSink
from edgeemo.edge.sources import Frame
from edgeemo.edge.sinks.base import SourceState, SourceStatus, Update
asked = []
sink = WindowSink(title="edgeemo", stop=lambda: asked.append(1))
sink.start()
print("ready", flush=True)
for index in range(600):
    frame = Frame(index, 0.0, np.full((480, 640, 3), (200, 30, 40), np.uint8), "camera")
    result = FrameResult((), StageTimes(0, 0, 0, 0))
    sink.publish(Update(frame, result, SourceStatus(SourceState.RUNNING), time.time(), time.monotonic(), ()))
    time.sleep(0.02)
    if asked or index == {frames}:
        break
sink.close(2)
print("asked to stop" if asked else "went on")
"""


class Screen:
    """An X server, and what it shows."""

    def __init__(self, folder: Path) -> None:
        assert XVFB is not None
        reading, writing = os.pipe()
        command = [XVFB, "-displayfd", str(writing), "-screen", "0", "800x600x24", "-fbdir", folder, "-nolisten", "tcp"]
        self._process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as stream:
            self.display = f":{stream.readline().strip()}"
        self._file = folder / "Xvfb_screen0"

    def pixels(self) -> np.ndarray:
        """RGB uint8 (600, 800, 3); the file is an X window dump (XWDFile.h)."""
        data = self._file.read_bytes()
        head = struct.unpack(">25I", data[:100])
        start = head[0] + head[19] * 12
        width, height, line = head[4], head[5], head[12]
        rows = np.frombuffer(data, np.uint8, height * line, start).reshape(height, line)[:, : width * 4]
        return rows.reshape(height, width, 4)[:, :, 2::-1]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    if XVFB is None or not window.has_windows():
        pytest.skip("needs Xvfb and an OpenCV with windows")
    screen = Screen(tmp_path)
    yield screen
    screen.close()


@pytest.fixture
def show(screen: Screen) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def show_on_screen(frames: int) -> subprocess.Popen[str]:
        code = _SHOW.format(path=sys.path, frames=frames)
        environment = {**os.environ, "DISPLAY": screen.display, "QT_LOGGING_RULES": "*=false"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, **pipes)  # type: ignore[call-overload]
        processes.append(process)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process  # type: ignore[no-any-return]

    yield show_on_screen
    for process in processes:
        process.kill()
        process.communicate()


def test_frames_are_shown(screen: Screen, show: Callable[..., subprocess.Popen[str]]) -> None:
    process = show(599)
    end = time.monotonic() + 20
    while (screen.pixels() == (200, 30, 40)).all(axis=2).sum() < 200_000:
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()


def test_it_ends_with_the_run(show: Callable[..., subprocess.Popen[str]]) -> None:
    output, _ = show(30).communicate(timeout=20)
    assert output == "went on\n"


@pytest.mark.parametrize("display", ["", ":77"])
def test_no_screen_is_one_sentence(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not window.has_windows():
        pytest.skip("needs an OpenCV with windows")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    with raises(
        EdgeemoError, problem="there is no screen for --window$", hint="^start it from the desktop, or use --web"
    ):
        WindowSink(title="x", stop=lambda: None)


def test_headless_opencv_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    with raises(EdgeemoError, problem="this OpenCV has no windows"):
        WindowSink(title="x", stop=lambda: None)
