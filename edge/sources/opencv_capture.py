"""OpenCV's VideoCapture, opened without its noise and with deadlines."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from ..vision.opencv import silence_opencv


def open_capture(target: str | int, backend: int, settings: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a video or camera.

    Args:
        target: path, or index of a camera.
        backend: one of OpenCV's ``CAP_`` numbers.
        settings: alternating properties and values that are needed at opening time.

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
