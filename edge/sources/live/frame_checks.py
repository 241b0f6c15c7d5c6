"""Checks of images that arrived: black, or frozen."""

from __future__ import annotations

import cv2
import numpy as np

#: Levels of 255. An image is black when no tile of it is brighter. Sensors with the lens covered give up to about 10,
#: with video range not stretched 16; single hot pixels vanish in their tile. In what is darker no face can be seen.
BLACK_LEVEL = 20
#: Tiles along a side of the image.
_TILES = 32


def is_black(image: np.ndarray) -> bool:
    """Return whether nothing can be seen in an image, uint8 (h, w, 3)."""
    # A bright image has a bright tile: seen at 1 pixel in 1,024, which spares nearly every image the rest.
    if image[::32, ::32].mean() > BLACK_LEVEL:
        return False
    tiles = cv2.resize(image, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
    return int(tiles.max()) <= BLACK_LEVEL


class FreezeDetector:
    """Detector of a camera that keeps giving the same image.

    The same means the same to the last pixel: a sensor that works always has noise, even in front of a wall.
    """

    def __init__(self) -> None:
        self._image: np.ndarray | None = None
        self._since = 0.0

    def seconds(self, image: np.ndarray, arrived: float) -> float:
        """Return for how many seconds the camera has been giving this image.

        Args:
            image: next image, uint8 (h, w, 3).
            arrived: monotonic seconds at which it arrived.
        """
        if self._image is None or not same(self._image, image):
            self._image, self._since = image, arrived
        return arrived - self._since


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two images are equal in size and in every pixel."""
    if one.shape != other.shape:
        return False
    # Nearly all images differ in their middle row: look there before looking at everything.
    middle = one.shape[0] // 2
    return np.array_equal(one[middle], other[middle]) and np.array_equal(one, other)
