"""A face cut from an image and turned upright."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .detector import Detection

#: A roll below this (radians) is left as it is: turning the crop would cost sharpness and bring nothing.
LEVEL_FROM = math.radians(8)


def upright_crop(
    image: np.ndarray, x: float, y: float, side: float, *, roll: float = 0.0, size: int = 0, gray: bool = False
) -> np.ndarray:
    """Cut a square about a point, turned so that a face with this roll stands upright.

    Args:
        image: uint8 (h, w) gray or (h, w, 3) RGB.
        x, y: center, pixels.
        side: of the square in the image, pixels.
        roll: rotation of the face, radians, counter-clockwise; 0 cuts without interpolation.
        size: side of the result, pixels; 0 keeps the resolution.
        gray: make it gray; of the square alone, which is cheaper than of the image.

    Returns:
        uint8 (n, n) or (n, n, 3); beyond the image its edge is repeated.
    """
    whole = max(1, round(side))
    square = _cut(image, x, y, whole) if not roll else _turned(image, x, y, whole, roll)
    if gray and square.ndim == 3:
        square = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    if size and size != whole:
        how = cv2.INTER_AREA if size < whole else cv2.INTER_LINEAR
        square = cv2.resize(square, (size, size), interpolation=how)
    return square


def face_crop(image: np.ndarray, found: Detection, *, margin: float = 0.0) -> np.ndarray:
    """Cut a detected face for the classifier, upright.

    Args:
        image: uint8 (h, w) gray or (h, w, 3) RGB.
        found: box and roll of the face.
        margin: of the classifier's card.

    Returns:
        uint8 (n, m) or (n, m, 3). Up to a roll of :data:`LEVEL_FROM` the pixels of the box, moved into the image.
        Beyond it a turned square, where the image has ended with its edge repeated: moved, it would lose the face.
    """
    if abs(found.roll) < LEVEL_FROM:
        return found.box.inside(image.shape[1], image.shape[0]).grown(margin).crop(image)
    x, y = found.box.center
    side = max(found.box.width, found.box.height) * (1 + margin)
    return upright_crop(image, x, y, side, roll=found.roll)


def _cut(image: np.ndarray, x: float, y: float, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    left, top = round(x - side / 2), round(y - side / 2)
    right, bottom = left + side, top + side
    # A square that is wholly outside shows the nearest edge.
    inside = image[
        min(max(top, 0), height - 1) : max(min(bottom, height), 1),
        min(max(left, 0), width - 1) : max(min(right, width), 1),
    ]
    missing = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if not any(missing):
        return inside
    above, below, before, after = missing
    above, below = _fill(above, below, side - inside.shape[0])
    before, after = _fill(before, after, side - inside.shape[1])
    return cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)


def _fill(first: int, second: int, missing: int) -> tuple[int, int]:
    """Share what is missing between two edges as they ask for it."""
    first = min(first, missing)
    return first, missing - first


def _turned(image: np.ndarray, x: float, y: float, side: int, roll: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((x, y), -math.degrees(roll), 1.0)
    matrix[:, 2] = matrix[:, 2] + side / 2 - np.array([x, y])
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
