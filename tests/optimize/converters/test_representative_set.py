"""Calibration sets: faces pass, noise does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters.representative_set import MIN_CORRELATION, calibration_pixels, neighbor_correlation
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset

from ...conftest import raises

RNG = np.random.default_rng(0)


def of(images: np.ndarray) -> Dataset:
    labels = ("a", "b")
    faces = read_dataset(f"synthetic:train={len(images)},test=0,size=24")
    return Dataset("made", labels, faces.samples, list(images))


@pytest.mark.parametrize("size", [24, 48, 96])
@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_drawn_faces_pass(size: int, channels: str) -> None:
    spec = InputSpec(size, size, channels)
    pixels = calibration_pixels(read_dataset(f"synthetic:train=70,test=0,size={size}"), spec)
    assert (pixels.shape, pixels.dtype) == ((70, *spec.shape), np.uint8)


def test_a_real_face_passes() -> None:
    from skimage.data import astronaut

    face = astronaut()[60:180, 160:280]
    assert len(calibration_pixels(of(np.stack([face, face[:, ::-1]])), InputSpec(48, 48))) == 2


NOISE: dict[str, Callable[[], np.ndarray]] = {
    "uniform noise": lambda: RNG.integers(0, 256, (30, 48, 48), np.uint8),
    "normal noise": lambda: np.clip(RNG.normal(128, 20, (30, 48, 48)), 0, 255).astype(np.uint8),
    "colored noise": lambda: RNG.integers(0, 256, (30, 48, 48, 3), np.uint8),
    "noise larger than the input": lambda: RNG.integers(0, 256, (30, 96, 96), np.uint8),
    "black images": lambda: np.zeros((30, 48, 48), np.uint8),
    "images of one gray each": lambda: np.broadcast_to(RNG.integers(0, 256, (30, 1, 1), np.uint8), (30, 48, 48)),
    "mostly noise": lambda: np.concatenate(
        [RNG.integers(0, 256, (20, 48, 48), np.uint8), np.tile(np.arange(48, dtype=np.uint8), (10, 48, 1))]
    ),
}


@pytest.mark.parametrize("kind", NOISE)
def test_what_cannot_stand_for_faces_is_refused(kind: str) -> None:
    with raises(
        EdgeemoError, problem="calibration set made looks like random noise", hint="^calibrate on the training"
    ):
        calibration_pixels(of(NOISE[kind]()), InputSpec(48, 48))


def test_an_empty_set_is_refused() -> None:
    faces = read_dataset("synthetic:train=7,test=0,size=24")
    with raises(EdgeemoError, problem="the calibration set is empty$", expected="^training faces"):
        calibration_pixels(faces.take([]), InputSpec(24, 24))


@pytest.mark.parametrize(
    ("image", "correlation"),
    [
        (np.tile(np.arange(48, dtype=np.uint8), (48, 1)), 1.0),
        (np.tile(np.array([0, 255], np.uint8), (48, 24)), -1.0),
        (np.full((48, 48), 7, np.uint8), 0.0),
    ],
    ids=["ramp", "stripes", "one gray"],
)
def test_correlation_of_known_images(image: np.ndarray, correlation: float) -> None:
    assert neighbor_correlation(image[None, :, :, None]) == pytest.approx(correlation, abs=1e-5)


def test_fer2013_s_faces_are_far_above_the_limit(request: pytest.FixtureRequest) -> None:
    import os

    path = os.environ.get("EDGEEMO_FER2013")
    if not path:
        pytest.skip("EDGEEMO_FER2013 does not name FER-2013's archive.zip")
    import io
    import zipfile

    from PIL import Image

    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".png")][::300]
        faces = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L")) for name in members])
    assert neighbor_correlation(faces[..., None]) > 0.9 > MIN_CORRELATION
