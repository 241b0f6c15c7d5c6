"""Photographs with marked faces, whatever file they come from. Nothing of TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.image import read_image

#: What a box says: a face; something that may be one, to be counted neither way.
KINDS = ("face", "ignore")


@dataclass(frozen=True)
class Region:
    """A box in an image.

    Args:
        x, y: upper left corner in pixels.
        width, height: in pixels.
        kind: one of :data:`KINDS`.
        roll: rotation of the face in the image plane, radians, counter-clockwise; None when unknown.
        pose: the source's word for it (``profile``), or empty.
        expression: label of the expression, or empty when unknown.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str = "face"
    roll: float | None = None
    pose: str = ""
    expression: str = ""

    def __post_init__(self) -> None:
        if not all(np.isfinite([self.x, self.y, self.width, self.height])) or min(self.width, self.height) <= 0:
            got = f"x {self.x}, y {self.y}, width {self.width}, height {self.height}"
            raise DataError("a box that is none", expected="finite numbers and sides above 0", got=got)
        if self.kind not in KINDS:
            raise DataError("unknown kind of box", expected="one of " + ", ".join(KINDS), got=repr(self.kind))

    @property
    def side(self) -> float:
        """The longer side in pixels: a detector of squares is taught this one."""
        return max(self.width, self.height)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class BoxedImage:
    """One image with its boxes.

    Args:
        key: where it stands in the source.
        load: gives its pixels, uint8 (h, w) gray.
        regions: all marked faces; empty for an image without any.
    """

    key: str
    load: Callable[[], np.ndarray] = field(repr=False, compare=False)
    regions: tuple[Region, ...] = ()

    @property
    def has_faces(self) -> bool:
        """Whether any box is a face for certain."""
        return any(region.kind == "face" for region in self.regions)


@dataclass(frozen=True)
class BoxDataset:
    """Images with boxes.

    Args:
        name: of the source.
        images: in the order of the source.
    """

    name: str
    images: tuple[BoxedImage, ...]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[BoxedImage]:
        return iter(self.images)

    @property
    def faces(self) -> int:
        """Number of boxes that are faces."""
        return sum(region.kind == "face" for image in self.images for region in image.regions)

    @property
    def content_hash(self) -> str:
        """SHA-256 over keys and boxes; the order does not matter."""
        digest = hashlib.sha256()
        for line in sorted(f"{image.key} {image.regions!r}" for image in self.images):
            digest.update(line.encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class GrayFile:
    """An image file, decoded when it is called: uint8 (h, w) gray, turned as its EXIF data says."""

    path: Path

    def __call__(self) -> np.ndarray:
        pixels = read_image(self.path)
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def region(where: str, x: float, y: float, width: float, height: float, **more: Any) -> Region:
    """Build a :class:`Region` whose errors say where it stands.

    Args:
        where: file and row, for messages.
        x, y, width, height: pixels.
        more: further fields.

    Raises:
        DataError: it is no box.
    """
    try:
        return Region(x, y, width, height, **more)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def shrink(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Resize by a factor of at most 1 without aliasing: uint8 (h, w) -> uint8 (h * scale, w * scale)."""
    return pixels if scale >= 1 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
