"""What tests in several folders share: two small real models, and a drawn clip with the truth about every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

MODELS = Path(__file__).parent / "models"


@pytest.fixture(scope="session")
def tiny_int8() -> Path:
    """A 48x48 gray model, int8 throughout, with its card; made by tests/models/make_tiny.py."""
    return MODELS / "tiny_int8.tflite"


@pytest.fixture(scope="session")
def tiny_float() -> Path:
    """The same model in float32."""
    return MODELS / "tiny_float.tflite"


@pytest.fixture(scope="session")
def clip() -> list[tuple[np.ndarray, Any]]:
    """70 frames of 640x480 RGB with their truth; the emotion changes every 10 frames, so that each is shown once."""
    from edgeemo.train.datasets.synthetic import camera_clip

    return list(camera_clip(70, seed=1, hold=10))


@pytest.fixture(scope="session")
def clip_avi(clip: list[tuple[np.ndarray, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 30 frames of the clip as a video file, 25 frames/s."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (640, 480))
    for frame, _ in clip[:30]:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
