"""Cameras on USB and other video devices, by OpenCV's V4L2 back end (or, off Linux, what OpenCV finds at an index)."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import cv2

from ..common.errors import CameraError, OptionError
from ..vision.opencv import READ_TIMEOUT_S, to_rgb
from .base import Source, SourceContext, SourceKind
from .live.camera import CameraLost, CapturedFrame
from .live.source import LiveSource
from .opencv_capture import open_capture

#: What is asked of the camera; it may give another size. Faces are searched on 320 pixels and seen by the model on
#: fewer than 100: more than VGA would only cost bandwidth and conversions.
SIZE = (640, 480)
_DEVICE = re.compile(r"/dev/video(\d+)")
#: An age by the driver's clock that is out of this range (s) is none: some drivers do not stamp their buffers.
_BELIEVABLE_S = 3600.0


class V4l2Camera:
    """Camera behind a video device.

    Args:
        device: N of /dev/videoN, or a path that leads to one, such as /dev/v4l/by-id/...: it is looked up at every
            opening, because a camera that is plugged in again may get another number.
    """

    def __init__(self, device: int | str) -> None:
        self.name = f"/dev/video{device}" if isinstance(device, int) else device

    def open(self) -> V4l2Capture:
        """Open the device.

        Raises:
            CameraError: it is not there, not ours to use, or in use.
        """
        index = device_index(self.name)
        backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        capture = None if index is None else open_capture(index, backend)
        if capture is None:
            raise _cannot_open(self.name, index)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
        return V4l2Capture(capture)


class V4l2Capture:
    """Open video device.

    Args:
        capture: open capture of OpenCV.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    def read(self) -> CapturedFrame | None:
        """Return the next image; None when waiting for it timed out."""
        began = time.monotonic()
        read, image = self._capture.read()
        arrived = time.monotonic()
        if not read:
            if arrived - began < READ_TIMEOUT_S / 2:
                raise CameraLost("it was unplugged or stopped")
            return None
        return CapturedFrame(arrived, self._taken(arrived), lambda: to_rgb(image, bgr=True))

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def _taken(self, arrived: float) -> float:
        # The driver stamps its buffers by the monotonic clock; a process that slept finds them old.
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp if 0 <= arrived - stamp < _BELIEVABLE_S else arrived


def device_index(path: str) -> int | None:
    """Return the N of the /dev/videoN that a path is or leads to; None when it leads to no such device."""
    match = _DEVICE.fullmatch(path)
    if match is None:
        try:
            match = _DEVICE.fullmatch(str(Path(path).resolve()))
        except (OSError, RuntimeError, ValueError):
            return None
    return int(match[1]) if match else None


def _cannot_open(name: str, index: int | None) -> CameraError:
    device = Path(name)
    present = sorted(str(path) for path in Path("/dev").glob("video*"))
    if device.exists() and not os.access(device, os.R_OK | os.W_OK):
        hint = "you may not use it: join its group with: sudo usermod -aG video $USER, and log in again"
    elif device.exists():
        hint = "it may be in use by another program, or not be a capture device"
    elif present:
        hint = "there are " + ", ".join(present)
    else:
        hint = "there is no camera on this machine: plug one in"
    shown = name if index is None or name != f"/dev/video{index}" else f"{index} ({name})"
    return CameraError(f"camera {shown} cannot be opened", hint=hint)


def _is_device(text: str) -> bool:
    if text.isascii() and text.isdigit():
        return True
    # The link that udev makes for a camera is away as long as the camera is.
    return device_index(text) is not None or (text.startswith("/dev/") and not os.path.lexists(text))


def _open(text: str, context: SourceContext) -> Source:
    if not text.isdigit():
        return LiveSource(V4l2Camera(text), limits=context.limits)
    # Linux has at most 256 video devices; larger numbers would select other back ends of OpenCV.
    if len(text) > 3 or int(text) > 255:
        raise OptionError("no such camera", expected="a number from 0 to 255", got=text)
    return LiveSource(V4l2Camera(int(text)), limits=context.limits)


SOURCE = SourceKind(
    form="N, /dev/videoN, /dev/v4l/...", help="a USB or other video device", accepts=_is_device, open=_open, priority=0
)
