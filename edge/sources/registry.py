"""From what a user calls a source to the source."""

from __future__ import annotations

import os
import re
import stat

from ..common.errors import FileError, OptionError
from ..common.files import existing
from ..vision.image import is_image
from .base import Source, Warn, warn_on_stderr
from .http_mjpeg import HttpCamera
from .image_files import ImageSource
from .live.camera import Camera
from .live.source import Limits, LiveSource
from .rtsp import StreamCamera
from .stdin import PipeCamera, RawFormat, RedirectedFile, stdin_is_file
from .url import CameraUrl
from .v4l2 import V4l2Camera, device_index
from .video_file import VideoSource

_PICAMERA = re.compile(r"picamera2(?::(\d))?")
_WANTED = "a video, an image, a folder of images, a camera's number or its address"


def open_source(
    text: str, *, raw: RawFormat | None = None, limits: Limits | None = None, warn: Warn = warn_on_stderr
) -> Source:
    """Choose the source that ``text`` means. Nothing is opened before the source is entered.

    Args:
        text: a number or /dev/videoN for a camera (also a link to one, such as /dev/v4l/by-id/...), picamera2 or
            picamera2:N for one on the CSI connector, an rtsp, rtsps, http or https address, - for standard input, else
            a path: a folder of images, an image, or a video. A file whose name is a number is given as ./0.
        raw: the pixels on standard input; None for MJPEG.
        limits: the deadlines of cameras.
        warn: takes a sentence about what is passed over while the run goes on.

    Raises:
        EdgeemoError: nothing is there, a folder without images, or something that cannot be read from.
    """
    if raw is not None and text != "-":
        raise OptionError("--raw is for standard input", expected="--source -")
    if text == "-":
        return RedirectedFile(raw) if stdin_is_file() else LiveSource(PipeCamera(raw), limits=limits)
    if camera := _camera(text):
        return LiveSource(camera, limits=limits)
    path = existing(text, _WANTED)
    if path.is_dir():
        return ImageSource.of_folder(path, warn=warn)
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileError(f"{path} is not a file", expected=_WANTED)
    return ImageSource([path], warn=warn) if is_image(path) else VideoSource(path, warn=warn)


def _camera(text: str) -> Camera | None:
    if text.isascii() and text.isdigit():
        # Linux has at most 256 video devices; larger numbers would select other back ends of OpenCV.
        if len(text) > 3 or int(text) > 255:
            raise OptionError("no such camera", expected="a number from 0 to 255", got=text)
        return V4l2Camera(int(text))
    if match := _PICAMERA.fullmatch(text):
        from .picamera import PiCamera

        return PiCamera(int(match[1] or 0))
    if "://" in text:
        address = CameraUrl.parse(text)
        return HttpCamera(address) if address.bare.startswith("http") else StreamCamera(address)
    # The link that udev makes for a camera is away as long as the camera is.
    if device_index(text) is not None or (text.startswith("/dev/") and not os.path.lexists(text)):
        return V4l2Camera(text)
    return None
