"""The YuNet detector, a small network that OpenCV runs. Its file is not in OpenCV's wheel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..common.errors import FileError, ModelError
from ..common.files import existing
from ..model.downloads import cached, find_download
from ..vision.box import Box
from ..vision.opencv import silence_opencv
from .detector import Detection, Detector, largest_first
from .haar import LONG_SIDE

#: Faces below this score are left out; OpenCV's own default of 0.9 leaves out turned and half hidden ones.
SCORE = 0.7
#: Side of the square box in heights of YuNet's, which is higher than wide: then both detectors' boxes mean the same up
#: to 4 %, and a margin in a card fits both. docs/face-detection.md has the measurement.
SIDE = 1.0
#: OpenCV pads an image to multiples of 32, which may leave the network planes of one column or row. There its 3x3
#: depthwise convolution reads the next row or channel, and behind the last one what nobody wrote (4.11 and 4.14: faces
#: of infinite size, seen at random). Two columns and rows are enough; every size from 64 to 320 was tried.
_SMALLEST = 64
_OVERLAP, _MOST = 0.3, 100


class YuNetDetector(Detector):
    """Detector of faces, also turned and half hidden ones: YuNet (Wu et al. 2023, Machine Intelligence Research 20).

    Args:
        path: ONNX file; None for the one that ``edgeemo models fetch yunet`` brings.
        long_side: longest side in pixels to which the image is reduced.

    Raises:
        FileError: the file is not there, or was never fetched.
        ModelError: it is something else, or this OpenCV is too old.
    """

    name = "yunet"

    def __init__(self, path: str | Path | None = None, *, long_side: int = LONG_SIDE) -> None:
        if path is None and (path := cached("yunet")) is None:
            download = find_download("yunet")
            raise FileError(
                "yunet needs its file, which is not fetched yet",
                expected=f"{download.path} (sha256 {download.sha256})",
                hint="fetch it with: edgeemo models fetch yunet; or choose it by --detector FILE",
            )
        path = existing(path, "a face model (ONNX)")
        wrong = ModelError(
            f"{path} is no YuNet face model",
            expected="face_detection_yunet_2023mar.onnx of the OpenCV Zoo",
            hint=f"its sha256 is {find_download('yunet').sha256}",
        )
        self._long_side = long_side
        silence_opencv()
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SCORE, _OVERLAP, _MOST)
            # A network that is another one is found out only when it runs.
            self._find(np.zeros((64, 64, 3), np.uint8))
        except (cv2.error, AttributeError) as error:
            raise wrong from error

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Return whether the file's name ends in .onnx."""
        return path.suffix.lower() == ".onnx"

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find faces.

        Args:
            image: uint8 (h, w) gray or (h, w, 3) RGB.

        Returns:
            Square boxes inside the image with their scores, largest first, one for each face.
        """
        height, width = image.shape[:2]
        scale = min(1.0, self._long_side / max(height, width))
        small = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        found = [Detection(_square(face, scale).inside(width, height), float(face[-1])) for face in self._find(small)]
        return largest_first(found)

    def _find(self, image: np.ndarray) -> np.ndarray:
        """Return rows of x, y, width, height, five landmarks and a score, float32 (n, 15), in pixels of a BGR image."""
        below, right = (max(0, _SMALLEST - size) for size in image.shape[:2])
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._network.setInputSize((image.shape[1], image.shape[0]))
        _, found = self._network.detect(image)
        return np.empty((0, 15), np.float32) if found is None else found


def _square(face: np.ndarray, scale: float) -> Box:
    x, y, width, height = (float(value) / scale for value in face[:4])
    side = SIDE * height
    return Box(round(x + (width - side) / 2), round(y + (height - side) / 2), max(1, round(side)), max(1, round(side)))
