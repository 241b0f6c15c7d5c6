"""JPEG images in a byte stream, whatever lies between them."""

from __future__ import annotations

import re
import struct

import cv2
import numpy as np

from ..common.errors import EdgeemoError
from ..vision.image import MAX_PIXELS, decode
from ..vision.opencv import to_rgb

#: Longest image that is waited for; a stream with more between two ends is out of sync.
MOST_BYTES = 32 << 20
_START = b"\xff\xd8\xff"
#: In entropy-coded data FF is followed by 00 (stuffing) or D0 to D7 (restart); anything else is a marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_STAND_ALONE = {0x01, *range(0xD0, 0xD8)}
_END, _SCAN = 0xD9, 0xDA
#: Beginnings of a frame that tell its size: baseline, extended and progressive.
_FRAMES = {0xC0, 0xC1, 0xC2}


class JpegSplitter:
    """Splitter of a stream into JPEG images: multipart MJPEG over HTTP, or bare MJPEG as from rpicam-vid.

    Segments are followed by their lengths, so that the thumbnail in an image's header does not end it. What is between
    two images, such as the headers of a multipart stream, is skipped.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0  # where to continue looking, behind the start of an image
        self._in_scan = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes and return the images that they complete."""
        self._data += piece
        images = []
        while (image := self._next()) is not None:
            images.append(image)
        if len(self._data) > MOST_BYTES:
            self._drop(len(self._data))
        return images

    @property
    def rest(self) -> int:
        """Number of bytes that wait for the rest of their image."""
        return len(self._data) if self._data.startswith(_START) else 0

    def _next(self) -> bytes | None:
        while self._synchronize():
            marker = self._marker()
            if marker is None:
                return None
            if marker == _END:
                image = bytes(self._data[: self._at + 2])
                self._drop(self._at + 2)
                return image
            if marker in _STAND_ALONE:
                self._at += 2
            elif len(self._data) < self._at + 4:
                return None
            else:
                self._at += 2 + int.from_bytes(self._data[self._at + 2 : self._at + 4], "big")
                self._in_scan = marker == _SCAN
        return None

    def _synchronize(self) -> bool:
        """Drop what lies before the next image; return False when none begins."""
        if self._data.startswith(_START):
            return True
        start = self._data.find(_START)
        # The last bytes that have come may be the first of an image.
        self._drop(start if start >= 0 else max(0, len(self._data) - len(_START) + 1))
        return start >= 0

    def _marker(self) -> int | None:
        """Return the next marker, at ``_at``; None when more bytes are needed. What is no JPEG counts as its end."""
        if self._in_scan:
            match = _MARKER.search(self._data, self._at)
            if match is None:
                self._at = max(self._at, len(self._data) - 1)
                return None
            self._at, self._in_scan = match.start(), False
        self._at = max(self._at, 2)
        while len(self._data) > self._at + 1 and self._data[self._at : self._at + 2] == b"\xff\xff":
            self._at += 1
        if len(self._data) < self._at + 2:
            return None
        # Damaged images are handed on as they are: whoever decodes them counts them.
        return self._data[self._at + 1] if self._data[self._at] == 0xFF else _END

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._at, self._in_scan = 0, False


def decode_jpeg(image: bytes, where: str) -> np.ndarray | None:
    """Decode to uint8 (h, w, 3) RGB; None when it is damaged or too large.

    An ordinary image goes to OpenCV, which takes half of Pillow's time for the same pixels: both have libjpeg-turbo.
    For a damaged one that library writes a line to standard error.
    """
    if _is_ordinary(image):
        try:
            found = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
        except cv2.error:
            return None
        return found if found is None else np.asarray(found)
    try:
        return to_rgb(decode(image, where))
    except EdgeemoError:
        return None


def _is_ordinary(image: bytes) -> bool:
    """Return whether the header declares 8-bit gray or YCbCr pixels, and no more than may be decoded."""
    at = 2
    while at + 10 <= len(image) and image[at] == 0xFF:
        marker = image[at + 1]
        if marker in _FRAMES:
            depth, height, width, components = struct.unpack_from(">BHHB", image, at + 4)
            return depth == 8 and components in (1, 3) and 0 < height * width <= MAX_PIXELS
        if marker in _STAND_ALONE or marker == 0xFF:
            return False
        at += 2 + int.from_bytes(image[at + 2 : at + 4], "big")
    return False
