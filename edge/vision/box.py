"""A rectangle in an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.errors import DataError


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of an image.

    Args:
        x, y: upper left corner.
        width, height: in pixels, at least 1.

    Raises:
        DataError: width or height below 1.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise DataError("an empty box", expected="at least 1x1", got=f"{self.width}x{self.height}")

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """X and y of the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def inside(self, width: int, height: int) -> Box:
        """Return the box moved into an image of ``width`` x ``height``, cut only where it is larger than the image.

        Moving keeps a square box square, so that a face at the edge reaches the model undistorted.
        """
        w, h = min(self.width, width), min(self.height, height)
        return Box(min(max(self.x, 0), width - w), min(max(self.y, 0), height - h), w, h)

    def grown(self, margin: float) -> Box:
        """Return the box about the same center with sides that are longer by ``margin`` of themselves."""
        width, height = max(1, round(self.width * (1 + margin))), max(1, round(self.height * (1 + margin)))
        return Box(self.x - (width - self.width) // 2, self.y - (height - self.height) // 2, width, height)

    def scaled(self, across: float, down: float) -> Box:
        """Return the box in an image whose width and height are these multiples."""
        width, height = max(1, round(self.width * across)), max(1, round(self.height * down))
        return Box(round(self.x * across), round(self.y * down), width, height)

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Return the pixels of the box, moved into the image if need be: a view of ``image`` (h, w) or (h, w, 3)."""
        box = self.inside(image.shape[1], image.shape[0])
        return image[box.y : box.y + box.height, box.x : box.x + box.width]

    def overlap(self, other: Box) -> float:
        """Return the area of the intersection over the area of the smaller box: 0 apart, 1 nested."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0, width) * max(0, height) / min(self.area, other.area)

    def to_list(self) -> list[int]:
        """Return x, y, width and height, for JSON."""
        return [self.x, self.y, self.width, self.height]
