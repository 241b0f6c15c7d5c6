"""From what a user calls a source to the source."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from ..errors import EdgeemoError
from ..files import existing
from ..image import is_picture
from .camera import CameraSource
from .frame import Source, Warn, warn_on_stderr
from .pictures import PictureSource
from .video import VideoSource

_DEVICE = re.compile(r"/dev/video(\d+)")


def open_source(text: str, *, warn: Warn = warn_on_stderr) -> Source:
    """Choose the source that ``text`` means. Nothing is opened before the source is entered.

    Args:
        text: a number or /dev/videoN for a camera (also a link to one, such as /dev/v4l/by-id/...), else a path: a
            folder of pictures, a picture, or a video. A file whose name is a number is given as ./0.
        warn: takes a sentence about what is passed over while the run goes on.

    Raises:
        EdgeemoError: nothing is there, a folder without pictures, or something that cannot be read from.
    """
    if text.isascii() and text.isdigit():
        return CameraSource(_index(text))
    if "://" in text:
        raise EdgeemoError(
            f"the source {text} is an address", expected="a file, a folder, a camera's number or /dev/videoN"
        )
    if device := _DEVICE.fullmatch(text) or _DEVICE.fullmatch(str(_resolved(text))):
        return CameraSource(_index(device[1]))
    path = existing(text, "a video, a picture, a folder of pictures or a camera's number")
    if path.is_dir():
        return PictureSource.of_folder(path, warn=warn)
    if not stat.S_ISREG(path.stat().st_mode):
        raise EdgeemoError(f"{path} is not a file", expected="a video, a picture, a folder or a camera's number")
    return PictureSource([path], warn=warn) if is_picture(path) else VideoSource(path, warn=warn)


def _index(digits: str) -> int:
    # Linux has at most 256 video devices; larger numbers would select other back ends of OpenCV.
    if len(digits) > 3 or int(digits) > 255:
        raise EdgeemoError("no such camera", expected="a number from 0 to 255", got=digits)
    return int(digits)


def _resolved(text: str) -> Path:
    try:
        return Path(text).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(text)
