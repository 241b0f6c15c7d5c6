"""Frames from standard input: MJPEG as ``rpicam-vid --codec mjpeg -o -`` writes it, or raw pixels."""

from __future__ import annotations

import os
import re
import select
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import click
import cv2
import numpy as np

from ..common.errors import CameraError, OptionError
from ..vision.opencv import to_rgb
from .base import Frame, RecordedSource, Source, SourceContext, SourceKind
from .jpeg import JpegSplitter, decode_jpeg
from .live.camera import CapturedFrame, StreamEnded
from .live.gap_detector import GapDetector
from .live.source import LiveSource

NAME = "standard input"
#: Short, because the next reader takes over from the same descriptor.
_READ_S = 0.2
_PIECE = 1 << 16
#: After a pause the images of so many seconds count as old: a pipe holds 64 KiB, and the sender may hold more.
_SETTLE_S = 0.5
_RAW = re.compile(r"(\d{1,5})x(\d{1,5}):(\w+)")
#: Pixel format -> bytes for two pixels, and how it becomes RGB.
_FORMATS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "bgr": (6, lambda pixels: to_rgb(pixels, bgr=True)),
    "rgb": (6, to_rgb),
    "gray": (2, to_rgb),
    "yuv420": (3, lambda pixels: cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_I420)),
}


@dataclass(frozen=True)
class RawFormat:
    """Size and format of pixels without any header.

    Args:
        width, height: in pixels.
        pixels: ``bgr``, ``rgb``, ``gray`` or ``yuv420`` (planes Y, U, V: I420).
    """

    width: int
    height: int
    pixels: str

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        """Read ``WxH:FORMAT``.

        Raises:
            OptionError: not of this form.
        """
        match = _RAW.fullmatch(text)
        if match is None or match[3] not in _FORMATS or not int(match[1]) or not int(match[2]):
            raise OptionError("unknown raw format", expected=f"WIDTHxHEIGHT:{'|'.join(_FORMATS)}", got=repr(text))
        width, height = int(match[1]), int(match[2])
        if match[3] == "yuv420" and (width % 2 or height % 2):
            raise OptionError("yuv420 needs an even width and height", got=f"{width}x{height}")
        return cls(width, height, match[3])

    @property
    def size(self) -> int:
        """Size of one image in bytes."""
        return self.width * self.height * _FORMATS[self.pixels][0] // 2

    def decode(self, data: bytes) -> np.ndarray:
        """Decode one image to uint8 (h, w, 3) RGB."""
        flat = np.frombuffer(data, np.uint8)
        colors = {"gray": (), "yuv420": ()}.get(self.pixels, (3,))
        rows = self.height * 3 // 2 if self.pixels == "yuv420" else self.height
        return _FORMATS[self.pixels][1](flat.reshape(rows, self.width, *colors))


class Splitter(Protocol):
    """Splitter of a byte stream into images."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes and return the images that they complete."""


class RawSplitter:
    """Splitter of a byte stream into pieces of equal size."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._data = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes and return the images that they complete."""
        self._data += piece
        whole = len(self._data) // self._size * self._size
        images = [bytes(self._data[at : at + self._size]) for at in range(0, whole, self._size)]
        del self._data[:whole]
        return images


def _tools(raw: RawFormat | None) -> tuple[Splitter, Callable[[bytes], np.ndarray | None]]:
    if raw is None:
        return JpegSplitter(), lambda data: decode_jpeg(data, NAME)
    return RawSplitter(raw.size), raw.decode


class PipeCamera:
    """Camera at the other end of a pipe to standard input; only its newest image counts.

    Args:
        raw: None for MJPEG.
        number: file descriptor.
    """

    def __init__(self, raw: RawFormat | None, number: int = 0) -> None:
        self.name = NAME
        self._splitter, self._decode = _tools(raw)
        self._number = number
        self._pauses = GapDetector()
        self._any = False
        self._old_until = float("-inf")

    def open(self) -> PipeCamera:
        """Return itself: a pipe is open already."""
        return self

    def read(self) -> CapturedFrame | None:
        """Return the newest image that has arrived; None when none arrived for a second."""
        deadline = time.monotonic() + _READ_S
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._number], [], [], left)[0]:
                return None
            piece = os.read(self._number, _PIECE)
            if not piece:
                raise StreamEnded(None if self._any else no_images())
            if images := self._splitter.feed(piece):
                self._any, arrived = True, time.monotonic()
                if self._pauses.before(arrived):
                    # A pipe cannot be reopened: what waits in it is skipped.
                    self._old_until = arrived + _SETTLE_S
                taken = arrived if arrived >= self._old_until else float("-inf")
                return CapturedFrame(arrived, taken, partial(self._decode, images[-1]), count=len(images))
        return None

    def close(self) -> None:
        """Do nothing: the pipe is not ours to close."""


class RedirectedFile(RecordedSource):
    """Source of a file redirected to standard input (``< clip.mjpeg``): every image of it, at our own pace.

    Args:
        raw: None for MJPEG.
        number: file descriptor.
    """

    def __init__(self, raw: RawFormat | None, number: int = 0) -> None:
        super().__init__()
        self._splitter, self._decode = _tools(raw)
        self._number = number

    def __iter__(self) -> Iterator[Frame | None]:
        index = 0
        while piece := os.read(self._number, _PIECE):
            for data in self._splitter.feed(piece):
                if self.stopping:
                    return
                image = self._decode(data)
                if image is None:
                    self.skipped += 1
                else:
                    yield Frame(index, None, image, NAME)
                index += 1
        if index == self.skipped:
            raise no_images()


def no_images() -> CameraError:
    """Return the error for an input without any image."""
    return CameraError(
        f"{NAME} has no images",
        expected="JPEG images one after the other, or raw pixels with --raw WxH:FORMAT",
        hint="for example: rpicam-vid -t 0 --codec mjpeg -o - | edgeemo run model.tflite --source -",
    )


def stdin_is_file() -> bool:
    """Return whether standard input is a file, which waits for us, rather than a pipe.

    Raises:
        CameraError: it is closed, or a terminal.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        raise CameraError(f"{NAME} is closed", hint="pipe images into it") from None
    if sys.stdin is not None and os.isatty(0):
        raise no_images()
    return stat.S_ISREG(mode)


def _open(_text: str, context: SourceContext, *, raw: str | None = None) -> Source:
    pixels = None if raw is None else RawFormat.parse(raw)
    return RedirectedFile(pixels) if stdin_is_file() else LiveSource(PipeCamera(pixels), limits=context.limits)


SOURCE = SourceKind(
    form="-",
    help="standard input",
    accepts=lambda text: text == "-",
    open=_open,
    options=(
        click.Option(
            ["--raw"], metavar="WxH:bgr|rgb|gray|yuv420", help="Standard input holds raw pixels instead of MJPEG."
        ),
    ),
    priority=0,
)
