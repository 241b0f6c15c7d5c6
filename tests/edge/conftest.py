"""The command line as a process of its own, and a camera without hardware."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``python ARGUMENTS`` with pipes for its outputs; what still runs at the end of the test is killed."""
    with contextlib.ExitStack() as stack:

        def start_process(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                env={**os.environ, **(env or {})},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start_process


@dataclass(frozen=True)
class FakeCamera:
    """A /dev/video0 for processes that are started with :attr:`env`.

    Args:
        env: to be added to their environment.
        mood: file that holds what the camera does, see v4l2/fake_camera.c.
    """

    env: dict[str, str]
    mood: Path

    @classmethod
    def in_folder(cls, folder: Path, library: Path) -> FakeCamera:
        """A camera that shows 50 gray images, each brighter than the one before, at 25 frames/s."""
        env = {
            "LD_PRELOAD": str(library),
            "FAKE_CAMERA_FRAMES": str(folder / "frames.raw"),
            "FAKE_CAMERA_MOOD": str(folder / "mood"),
        }
        camera = cls(env, folder / "mood")
        levels = 50 + 3 * np.arange(50, dtype=np.uint8)
        camera.show(np.broadcast_to(levels[:, None, None], (50, 480, 640)))
        return camera

    def environment(self) -> dict[str, str]:
        """The whole environment of a process that is to see it."""
        return {**os.environ, **self.env}

    def be(self, mood: str) -> None:
        """Change what the camera does."""
        beside = self.mood.with_suffix(".new")
        beside.write_text(mood)
        beside.replace(self.mood)

    def show(self, planes: np.ndarray) -> None:
        """Choose what it shows: uint8 luma (n, 480, 640)."""
        Path(self.env["FAKE_CAMERA_FRAMES"]).write_bytes(planes.tobytes())


def compile_library(source: str, target: Path) -> Path:
    """Compile a C file of tests/edge/v4l2 to be preloaded."""
    compiler = shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("what is preloaded in the tests needs Linux and gcc")
    path = Path(__file__).parent / "sources" / "v4l2" / source
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", target, path, "-ldl"], check=True)
    return target


@pytest.fixture(scope="session")
def camera_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake camera, compiled."""
    return compile_library("fake_camera.c", tmp_path_factory.mktemp("v4l2") / "fake_camera.so")


@pytest.fixture
def fake_camera(camera_library: Path, tmp_path: Path) -> FakeCamera:
    """A camera of this test alone, see :meth:`FakeCamera.in_folder`."""
    return FakeCamera.in_folder(tmp_path, camera_library)
