"""Faces found by the real YuNet, whose file is not ours to ship; other files in its place."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.common.files import sha256_file
from edgeemo.edge.faces.yunet import YuNetDetector
from edgeemo.edge.model.downloads import find_download
from edgeemo.edge.vision.box import Box

#: glibc's option of mallopt(3).
M_PERTURB = -6


@pytest.fixture(scope="module")
def face_model() -> Path:
    name = os.environ.get("EDGEEMO_YUNET")
    if not name:
        pytest.skip("EDGEEMO_YUNET does not name face_detection_yunet_2023mar.onnx")
    return Path(name)


@pytest.fixture(scope="module")
def yunet(face_model: Path) -> YuNetDetector:
    return YuNetDetector(face_model)


def test_the_file_is_the_documented_one(face_model: Path) -> None:
    assert sha256_file(face_model) == find_download("yunet").sha256


def test_it_finds_the_faces_of_a_clip(yunet: YuNetDetector, clip: list) -> None:
    chosen = clip[::10]
    hits = [[found.box for found in yunet.detect(frame)] for frame, _ in chosen]
    right = sum(
        len(boxes) == 1 and boxes[0].overlap(Box(*truth.box)) > 0.8
        for boxes, (_, truth) in zip(hits, chosen, strict=True)
    )
    assert right >= 0.9 * len(chosen)


def test_boxes_are_square_inside_and_largest_first(yunet: YuNetDetector, clip: list) -> None:
    frame = clip[0][0]
    small = cv2.resize(frame, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.full((480, 640 + small.shape[1], 3), 128, np.uint8)
    both[:, :640] = frame
    both[: small.shape[0], 640:] = small
    found = yunet.detect(both)
    boxes = [one.box for one in found]
    assert all(one.score is not None and 0.7 <= one.score <= 1 for one in found)
    assert len(boxes) == 2
    assert boxes[0].area > boxes[1].area
    assert all(box.width == box.height and box == box.inside(both.shape[1], both.shape[0]) for box in boxes)


@pytest.fixture
def used_memory() -> Iterator[None]:
    """Memory as after weeks: glibc fills what it hands out with a byte that makes large numbers."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) or pytest.skip("not glibc")
    assert mallopt(M_PERTURB, 0xAA) == 1
    yield
    mallopt(M_PERTURB, 0)


# What OpenCV makes of a sliver of an image used to depend on memory that nobody wrote.
@pytest.mark.usefixtures("used_memory")
@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 5000), (5000, 2, 3), (23, 23, 3), (30, 300), (480, 640, 3), (480, 640)], ids=str
)
def test_image_without_a_face_gives_none(yunet: YuNetDetector, shape: tuple[int, ...]) -> None:
    assert yunet.detect(np.full(shape, 90, np.uint8)) == []


@pytest.mark.parametrize("content", [b"", b"hello", b"TFL3" * 100, "cut", "other", "absent"], ids=str)
def test_another_file_is_one_sentence(content: bytes | str, tmp_path: Path, tiny_int8: Path, capfd: object) -> None:
    path = tmp_path / "faces.onnx"
    sentence = f"{path} is no YuNet face model, expected face_detection_yunet_2023mar.onnx"
    if content == "absent":
        sentence = f"{path} is not there, expected a face model (ONNX)"
    elif content == "other":
        path.write_bytes(tiny_int8.read_bytes())
    elif content == "cut":
        name = os.environ.get("EDGEEMO_YUNET") or pytest.skip("EDGEEMO_YUNET is not set")
        path.write_bytes(Path(name).read_bytes()[:100_000])
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(EdgeemoError) as caught:
        YuNetDetector(path)
    assert str(caught.value).startswith(sentence)


def test_predict_takes_it(face_model: Path, tiny_int8: Path, clip: list, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), cv2.cvtColor(clip[0][0], cv2.COLOR_RGB2BGR))
    arguments = ["predict", str(tiny_int8), str(photo), "--detector", str(face_model)]
    result = CliRunner().invoke(edgeemo, arguments)
    assert result.exit_code == 0, result.output
    assert "no face detected" not in result.output
