"""The detector that OpenCV's wheel brings: a boosted cascade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..common.errors import OptionError, RuntimeUnavailableError
from ..vision.box import Box
from .detector import Detection, Detector, largest_first

#: Longest side in pixels of the image that Haar searches. Measured on a busy x86-64 core over 60 frames of 640x480
#: with one face: 640 px 185 ms, 400 px 39 ms, 320 px 26 ms, the face found in 59 of the 60 each time (60 at 400 px).
#: Below 320 px little time is won and boxes get coarse. The price: a face needs 24 / 320 of the longest side.
LONG_SIDE = 320
#: Step between searched sizes: 1.2 halves the time, but lost 5 of the 60 faces that 1.1 found.
SCALE_FACTOR = 1.1
#: Hits that must agree on a face. With 3 the astronaut photograph has a second "face"; with 4 it has not.
MIN_NEIGHBORS = 4
#: Side of the window with which the cascade was trained; it cannot find smaller faces.
WINDOW = 24
#: Two boxes are one face when their intersection covers this share of the smaller one; nested hits have an IoU far
#: below 0.5, which is why IoU would keep both.
SAME_FACE = 0.5
CASCADE = "haarcascade_frontalface_default.xml"


class HaarDetector(Detector):
    """Detector of frontal faces: OpenCV's boosted cascade (Viola and Jones 2001, CVPR); nothing is downloaded.

    Its square boxes reach from the brows to the chin with a margin, as FER-2013's crops do.

    Args:
        long_side: longest side in pixels to which the image is reduced.

    Raises:
        OptionError: an impossible size.
        RuntimeUnavailableError: this OpenCV has no cascades.
    """

    name = "haar"

    def __init__(self, *, long_side: int = LONG_SIDE) -> None:
        if long_side < WINDOW:
            raise OptionError("long_side out of range", expected=f"at least {WINDOW}", got=str(long_side))
        self._long_side = long_side
        self._cascade = _load_cascade()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find faces.

        Args:
            image: uint8 (h, w) gray or (h, w, 3) RGB.

        Returns:
            Square boxes inside the image, largest first, one for each face.
        """
        height, width = image.shape[:2]
        scale = min(1.0, self._long_side / max(height, width))
        small = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        found, votes = self._cascade.detectMultiScale2(
            small, scaleFactor=SCALE_FACTOR, minNeighbors=MIN_NEIGHBORS, minSize=(WINDOW, WINDOW)
        )
        ranked = sorted(zip(found, votes, strict=True), key=lambda hit: -int(hit[1]))
        boxes = [_square(hit, scale).inside(width, height) for hit, _ in ranked]
        return largest_first(Detection(box) for box in merge(boxes))


def merge(boxes: list[Box]) -> list[Box]:
    """Drop boxes of the same face but the best (greedy non-maximum suppression).

    Args:
        boxes: boxes to compare, best first.
    """
    kept: list[Box] = []
    for box in boxes:
        if all(box.overlap(other) < SAME_FACE for other in kept):
            kept.append(box)
    return kept


def _square(hit: Sequence[int], scale: float) -> Box:
    x, y, side, _ = (float(value) / scale for value in hit)
    return Box(round(x), round(y), round(side), round(side))


def _load_cascade() -> cv2.CascadeClassifier:
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / CASCADE
    if hasattr(cv2, "CascadeClassifier") and path.is_file():
        cascade = cv2.CascadeClassifier(str(path))
        if not cascade.empty():
            return cascade
    raise RuntimeUnavailableError(
        f"OpenCV {cv2.__version__} comes without {CASCADE}",
        hint="install it with: pip install 'opencv-python>=4.8,<5', or choose another --detector",
    )
