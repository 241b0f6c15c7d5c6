"""OpenCV without its noise, and its color order."""

from __future__ import annotations

import os

import cv2
import numpy as np

#: Seconds after which a read from a V4L2 camera gives up, once, so that the thread sees that it is to stop. OpenCV's
#: own default of 10 s would outlast the 2 s in which a run has to end.
READ_TIMEOUT_S = 1


def silence_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to standard error, unless the user has asked them to."""
    # Read by OpenCV when it opens its first video or camera; what a user has set is kept.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(READ_TIMEOUT_S))
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # 4.12 moved the function; 0 is silent in both places.
        old = getattr(cv2, "setLogLevel", None)
        (old or cv2.utils.logging.setLogLevel)(0)


def to_rgb(image: np.ndarray, *, bgr: bool = False) -> np.ndarray:
    """Return gray or color pixels as RGB.

    Args:
        image: uint8 (h, w) or (h, w, 3).
        bgr: colors are in OpenCV's order.

    Returns:
        uint8 (h, w, 3); the image itself where there is nothing to convert.
    """
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if bgr else image
