"""A face detector for photographs like those in passports: the face is in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeemo.edge.faces.detector import Detection, Detector
from edgeemo.edge.vision.box import Box


class ToyDetector(Detector):
    """Find one face in the middle of every image.

    Args:
        path: text file with the share of the shorter side that a face takes; None for half of it.
    """

    name = "toy"

    def __init__(self, path: Path | None = None) -> None:
        self._share = 0.5 if path is None else float(path.read_text())

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Return whether the file's name ends in .share."""
        return path.suffix == ".share"

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return the square in the middle."""
        height, width = image.shape[:2]
        side = round(self._share * min(height, width))
        return [Detection(Box((width - side) // 2, (height - side) // 2, side, side))]
