"""Faces found by the real cascade."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.faces.detector import Detector
from edgeemo.edge.faces.haar import HaarDetector, merge
from edgeemo.edge.faces.whole_image import WholeImage
from edgeemo.edge.vision.box import Box


@pytest.fixture(scope="module")
def haar() -> HaarDetector:
    return HaarDetector()


def boxes_of(detector: Detector, image: np.ndarray) -> list[Box]:
    return [found.box for found in detector.detect(image)]


def as_box(truth: Any) -> Box:
    return Box(*truth.box)


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        pytest.param([], [], id="none"),
        pytest.param([Box(0, 0, 9, 9), Box(20, 0, 9, 9)], [0, 1], id="apart"),
        pytest.param([Box(0, 0, 9, 9), Box(1, 1, 9, 9)], [0], id="shifted"),
        pytest.param([Box(0, 0, 40, 40), Box(12, 12, 9, 9)], [0], id="nested"),
        pytest.param([Box(12, 12, 9, 9), Box(0, 0, 40, 40)], [0], id="the better one stays, even if smaller"),
        pytest.param([Box(0, 0, 9, 9), Box(6, 0, 9, 9)], [0, 1], id="a third shared"),
    ],
)
def test_merge_keeps_one_box_for_a_face(boxes: list[Box], kept: list[int]) -> None:
    assert merge(boxes) == [boxes[index] for index in kept]


def test_haar_finds_the_face_of_a_clip(haar: HaarDetector, clip: list) -> None:
    chosen = clip[::4]
    hits = [boxes_of(haar, frame) for frame, _ in chosen]
    right = sum(
        len(boxes) == 1 and boxes[0].overlap(as_box(truth)) > 0.8
        for boxes, (_, truth) in zip(hits, chosen, strict=True)
    )
    assert right >= 0.9 * len(chosen)


def test_gray_frame_gives_the_same_boxes(haar: HaarDetector, clip: list) -> None:
    frame = clip[0][0]
    assert haar.detect(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) == haar.detect(frame)


def test_boxes_are_square_inside_and_largest_first(haar: HaarDetector, clip: list) -> None:
    frame = clip[0][0]
    small = cv2.resize(frame, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.full((480, 640 + small.shape[1], 3), 128, np.uint8)
    both[:, :640] = frame
    both[: small.shape[0], 640:] = small
    boxes = boxes_of(haar, both)
    assert len(boxes) == 2
    assert boxes[0].area > boxes[1].area
    assert all(box.width == box.height and box == box.inside(both.shape[1], both.shape[0]) for box in boxes)


def test_reduced_search_gives_boxes_in_pixels_of_the_frame(haar: HaarDetector, clip: list) -> None:
    frame, truth = clip[0]
    large = cv2.resize(frame, None, fx=3, fy=3)
    expected = Box(*(3 * value for value in truth.box))
    assert haar.detect(large)[0].box.overlap(expected) > 0.8


@pytest.mark.parametrize("shape", [(1, 1), (3, 5000), (5000, 2, 3), (24, 24), (23, 23, 3), (480, 640, 3)], ids=str)
def test_image_without_a_face_gives_none(haar: HaarDetector, shape: tuple[int, ...]) -> None:
    assert haar.detect(np.full(shape, 90, np.uint8)) == []


def test_whole_image_is_one_box() -> None:
    assert boxes_of(WholeImage(), np.zeros((30, 40, 3), np.uint8)) == [Box(0, 0, 40, 30)]


def test_opencv_without_cascades_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", "/absent/")
    with pytest.raises(EdgeemoError, match=r"comes without haarcascade_.*pip install 'opencv-python"):
        HaarDetector()


def test_search_smaller_than_the_cascade_is_refused() -> None:
    with pytest.raises(EdgeemoError, match="long_side out of range, expected at least 24, got 10"):
        HaarDetector(long_side=10)
