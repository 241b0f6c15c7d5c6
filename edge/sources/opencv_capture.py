"""OpenCV's VideoCapture, opened without its noise and with deadlines."""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2

#: Seconds after which a read from a V4L2 camera gives up, once, so that the thread sees that it is to stop. OpenCV's
#: own default of 10 s would outlast the 2 s in which a run has to end.
READ_TIMEOUT_S = 1


def open_capture(target: str | int, backend: int, settings: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a video or camera.

    Args:
        target: path, or index of a camera.
        backend: one of OpenCV's ``CAP_`` numbers.
        settings: properties and values in turn, needed at opening time.

    Returns:
        The capture, or None when it cannot be opened.
    """
    silence_opencv()
    try:
        capture = cv2.VideoCapture(target, backend, list(settings))
    except cv2.error:
        return None
    if capture.isOpened():
        return capture
    capture.release()
    return None


def silence_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to standard error, unless the user has asked them to."""
    # Read by OpenCV when it opens its first video or camera; what a user has set is kept.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(READ_TIMEOUT_S))
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # 4.12 moved the function; 0 is silent in both places.
        old = getattr(cv2, "setLogLevel", None)
        (old or cv2.utils.logging.setLogLevel)(0)
