"""What a frame costs beside finding the faces and running the model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.train.datasets.synthetic.clip import camera_clip

from ..conftest import FakeCamera

# A processor that is shared with others makes everything dearer, but not by the same factor.
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]

BOUND = 0.1


def measure(*options: object, env: dict[str, str] | None = None) -> float:
    """The share of a frame that is neither detect nor invoke, by the time of the loop's thread."""
    pytest.importorskip("starlette")
    command = [sys.executable, Path(__file__).parents[2] / "tools" / "overhead.py", "--frames", "60", *options]
    found = json.loads(
        subprocess.run([*map(str, command)], capture_output=True, check=True, timeout=300, env=env).stdout
    )
    assert found["frames"] == 60
    assert found["thread_ms"]["invoke"] > 0
    assert 0 < found["thread_ms"]["detect"] < found["thread_ms"]["frame"]
    return float(found["overhead_thread"])


def test_at_most_a_tenth_of_a_frame_is_neither_detect_nor_invoke(fake_camera: FakeCamera) -> None:
    fake_camera.show(np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image, _ in camera_clip(100)]))
    assert 0 < measure("--source", 0, env=fake_camera.environment()) <= BOUND


def test_decoding_jpegs_stays_within_the_tenth() -> None:
    # As large as webcams send them.
    assert 0 < measure("--quality", 80) <= BOUND
