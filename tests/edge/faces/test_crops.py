"""Squares cut from images: place, size, edges, and turning upright."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeemo.edge.faces.crops import face_crop, upright_crop
from edgeemo.edge.faces.detector import Detection
from edgeemo.edge.vision.box import Box


def ramp() -> np.ndarray:
    y, x = np.mgrid[0:100, 0:120]
    return (x + y).astype(np.uint8)


def test_without_roll_the_pixels_are_the_image_s_own() -> None:
    image = ramp()
    assert (upright_crop(image, 60, 50, 20) == image[40:60, 50:70]).all()


@pytest.mark.parametrize("place", [(0, 0), (119, 99), (-50, -50), (500, 500), (60, -3)])
@pytest.mark.parametrize("side", [1, 7, 64, 300])
@pytest.mark.parametrize("roll", [0.0, 0.5])
def test_every_square_has_its_size_wherever_it_is(place: tuple[float, float], side: float, roll: float) -> None:
    assert upright_crop(ramp(), *place, side, roll=roll).shape == (side, side)
    assert upright_crop(np.dstack([ramp()] * 3), *place, side, roll=roll, size=48).shape == (48, 48, 3)


@pytest.mark.parametrize("degrees", [-60, -30, 30, 60])
def test_a_turned_pattern_stands_upright_again(degrees: float) -> None:
    import cv2

    upright = np.full((200, 200), 40, np.uint8)
    cv2.rectangle(upright, (80, 60), (120, 90), 200, -1)
    matrix = cv2.getRotationMatrix2D((100, 100), degrees, 1.0)
    turned = cv2.warpAffine(upright, matrix, (200, 200), borderMode=cv2.BORDER_REPLICATE)
    back = upright_crop(turned, 100, 100, 100, roll=math.radians(degrees))
    wanted = upright_crop(upright, 100, 100, 100)
    assert np.abs(back.astype(int) - wanted).mean() < 4


@pytest.mark.parametrize("box", [Box(5, 4, 31, 31), Box(-7, -3, 30, 30), Box(100, 90, 40, 40), Box(2, 3, 20, 30)])
@pytest.mark.parametrize("margin", [0.0, 0.4, -0.2])
@pytest.mark.parametrize("degrees", [0.0, 5.0, -5.0])
def test_an_upright_face_is_cut_without_interpolation(box: Box, margin: float, degrees: float) -> None:
    wanted = box.inside(120, 100).grown(margin).crop(ramp())
    found = Detection(box, roll=math.radians(degrees))
    assert (face_crop(ramp(), found, margin=margin) == wanted).all()


def test_a_turned_face_at_the_rim_keeps_its_size() -> None:
    assert face_crop(ramp(), Detection(Box(-15, -15, 30, 30), roll=0.5), margin=0.5).shape == (45, 45)
