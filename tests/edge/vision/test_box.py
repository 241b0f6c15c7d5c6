"""Rectangles in an image: moved, grown, scaled, cut out and compared."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.box import Box

from ...conftest import raises


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(2, 3, 4, 4), Box(2, 3, 4, 4)),
        (Box(-2, -1, 4, 4), Box(0, 0, 4, 4)),
        (Box(8, 6, 4, 4), Box(6, 4, 4, 4)),
        (Box(5, 5, 50, 4), Box(0, 4, 10, 4)),
        (Box(99, 99, 99, 99), Box(0, 0, 10, 8)),
    ],
)
def test_inside_moves_before_it_cuts(box: Box, expected: Box) -> None:
    assert box.inside(10, 8) == expected


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        (0.0, Box(10, 20, 40, 30)),
        (0.5, Box(0, 13, 60, 45)),
        (-0.5, Box(20, 28, 20, 15)),
        (-0.99, Box(30, 35, 1, 1)),
    ],
)
def test_grown_keeps_the_center(margin: float, expected: Box) -> None:
    grown = Box(10, 20, 40, 30).grown(margin)
    assert (grown.width, grown.height) == (expected.width, expected.height)
    assert (grown.x, grown.y) == pytest.approx((expected.x, expected.y), abs=1)


def test_crop_is_the_pixels_of_the_box() -> None:
    frame = np.arange(80, dtype=np.uint8).reshape(8, 10)
    assert Box(2, 3, 4, 2).crop(frame).tolist() == [[32, 33, 34, 35], [42, 43, 44, 45]]


def test_empty_box_is_refused() -> None:
    with raises(EdgeemoError, problem="an empty box$", expected="^at least 1x1", got="^0x4"):
        Box(0, 0, 0, 4)


def test_scaled_box_is_never_empty() -> None:
    assert Box(10, 20, 40, 30).scaled(2, 0.5) == Box(20, 10, 80, 15)
    assert Box(10, 20, 1, 1).scaled(0.1, 0.1) == Box(1, 2, 1, 1)
