"""No detection: every image is a face."""

from __future__ import annotations

import numpy as np

from ..vision.box import Box
from .detector import Detection, Detector


class WholeImage(Detector):
    """The detector for images that are face crops already, as FER-2013's are: the box is the image."""

    name = "none"

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return one detection, of the whole image."""
        return [Detection(Box(0, 0, image.shape[1], image.shape[0]))]
