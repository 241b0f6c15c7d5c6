"""Frames of a video file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2

from ..common.errors import DataError
from ..common.files import existing
from ..vision.opencv import to_rgb
from .base import Frame, RecordedSource, Source, SourceContext, SourceKind, Warn, warn_on_stderr
from .opencv_capture import open_capture

#: Deadlines for opening and reading, in ms; they matter for files on a network share.
_DEADLINES = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 10_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 10_000)
#: A file is reported as cut when fewer frames than this share of the promised ones can be decoded. Containers count
#: by duration, so that a frame or two may be missing in a good file.
_WHOLE = 0.9


class VideoSource(RecordedSource):
    """Source of every frame of a video file, in order.

    Args:
        path: video file to read.
        warn: takes a sentence when the file ends early.

    Raises:
        EdgeemoError: on entry: not there, or not a video that OpenCV can decode.
    """

    def __init__(self, path: str | Path, *, warn: Warn = warn_on_stderr) -> None:
        super().__init__()
        self.path = existing(path, "a video")
        self._warn = warn
        self._capture: cv2.VideoCapture | None = None

    def __enter__(self) -> VideoSource:
        if self.path.stat().st_size == 0:
            raise DataError(f"{self.path} is empty", expected="a video", got="0 bytes")
        # Absolute, because FFmpeg takes a colon in a relative name for a protocol.
        self._capture = open_capture(str(self.path.absolute()), cv2.CAP_FFMPEG, _DEADLINES)
        if self._capture is None:
            raise self._undecodable()
        return self

    def __exit__(self, *_: object) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def __iter__(self) -> Iterator[Frame]:
        if self._capture is None:
            raise RuntimeError("enter the source first")
        index = 0
        while not self.stopping:
            read, image = self._capture.read()
            if not read:
                self._check_end(index)
                return
            time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            yield Frame(index, round(time_s, 6), to_rgb(image, bgr=True), str(self.path))
            index += 1

    def _check_end(self, frames: int) -> None:
        if not frames:
            raise self._undecodable()
        assert self._capture is not None
        promised = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if frames < _WHOLE * promised:
            self._warn(f"{self.path} ends after {frames:,} of its {promised:,} frames, the rest cannot be decoded")

    def _undecodable(self) -> DataError:
        return DataError(
            f"{self.path} cannot be decoded",
            expected="a video that OpenCV reads, such as .mp4, .avi or .mkv, an image, or a folder of images",
            hint="convert it, for example with ffmpeg",
        )


def _open(text: str, context: SourceContext) -> Source:
    return VideoSource(text, warn=context.warn)


# Whatever file is no image.
SOURCE = SourceKind(form="FILE", help="a video", accepts=os.path.isfile, open=_open, priority=3)
