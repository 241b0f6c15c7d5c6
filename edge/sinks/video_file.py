"""Annotated video of a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from ..common.errors import OptionError
from ..common.files import new_file, unwritable
from ..sources.base import Warn, warn_on_stderr
from .base import Sink, SinkContext, SinkKind, ThreadedSink, Update

if TYPE_CHECKING:
    import cv2

# OpenCV is imported where it is used: the options are declared without it.

#: Suffix -> code of the format; what OpenCV's wheels can write everywhere. An .avi can be played after a power cut, an
#: .mp4 cannot: its index is written last.
FORMATS = {".avi": "MJPG", ".mp4": "mp4v"}
#: Frames a second: a face needs no more, and at 640x480 MJPG takes 1 MB a second.
FPS = 15
#: Frames that may wait for a slow disk: at 640x480 some 8 MB.
QUEUE = 8
#: The disk is left so many free bytes, for the file's index and for everybody else.
RESERVE = 64 * 2**20
#: A longer time without an update takes only this long in the video; the clock in the image shows the cut.
_GAP_S = 5.0
#: A file that has not grown for so many seconds of video is not being written; OpenCV tells nothing of it. FFmpeg holds
#: back 256 KB, which are minutes of a small image in which nothing moves.
_GROWTH_S = 600


class VideoSink(ThreadedSink):
    """Sink that writes a video at a constant frame rate: frames are repeated or dropped as the time demands.

    When it cannot be continued, a warning says so, and the run continues without it.

    Args:
        path: video file to write, .avi or .mp4.
        fps: frame rate of the video, a whole number.
        live: time passes as on the clock; False for sources that have a time of their own: the position in a video, or
            a second for each image.
        force: overwrite what is there.
        warn: takes the sentence when it ends early.
        until: see :class:`ThreadedSink`.
        reserve: see :data:`RESERVE`.

    Raises:
        EdgeemoError: another format, or a file that is there.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: int = FPS,
        live: bool = True,
        force: bool = False,
        warn: Warn = warn_on_stderr,
        until: Callable[[], bool] | None = None,
        reserve: int = RESERVE,
    ) -> None:
        super().__init__(str(path), size=QUEUE, until=until)
        self._path = Path(path)
        if self._path.suffix.lower() not in FORMATS:
            raise OptionError(f"{path} has no known video format", expected=" or ".join(FORMATS))
        new_file(path, force=force)
        self._fps = fps
        self._live = live
        self._warn = warn
        self._reserve = reserve
        self._writer: cv2.VideoWriter | None = None
        self._shape = (0, 0)
        self._given_up = False
        # What is shown now, and that painted: only what is written is painted, not what comes and goes between.
        self._shown: Update | None = None
        self._painted: np.ndarray | None = None
        self._start = self._last = 0.0
        self._written = self._images = 0
        self._grown = (0, 0)

    def start(self) -> None:
        """Begin.

        Raises:
            EdgeemoError: the file cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"")
        except OSError as error:
            raise unwritable(self._path, error) from error
        from ..vision.opencv import silence_opencv

        silence_opencv()
        super().start()

    def take(self, update: Update) -> None:
        if self._given_up or (self._writer is None and update.frame is None):
            return
        now = self._clock(update)
        if self._writer is None and update.frame is not None:
            self._open(update.frame.image)
            self._start = self._last = now
        if now - self._last > _GAP_S:
            self._start += now - self._last - _GAP_S
        self._last = now
        self._write_until(now - self._start)
        self._shown, self._painted = update, None

    def finish(self) -> None:
        if self._writer is not None and not self._given_up:
            self._write_until((self._written + 1) / self._fps)
            self._writer.release()
        # Nothing was ever shown: an empty file would look like a broken video.
        if self._writer is None and self._path.is_file() and not self._path.stat().st_size:
            self._path.unlink()

    def _clock(self, update: Update) -> float:
        if self._live or update.frame is None:
            return update.monotonic if self._live else self._last
        if update.frame.time_s is not None:
            return update.frame.time_s
        self._images += 1
        return float(self._images)

    def _open(self, image: np.ndarray) -> None:
        import cv2

        # Both formats want even sides.
        self._shape = max(2, image.shape[1] // 2 * 2), max(2, image.shape[0] // 2 * 2)
        code = cv2.VideoWriter.fourcc(*FORMATS[self._path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self._path), code, self._fps, self._shape)
        if not self._writer.isOpened():
            self._give_up("OpenCV cannot write this format here")

    def _write_until(self, time_s: float) -> None:
        """Repeat what is shown until a time of the video."""
        while self._shown is not None and self._written < int(time_s * self._fps) and not self._given_up:
            if self._written % self._fps == 0 and not self._room():
                return
            if self._painted is None:
                from .overlay import annotate

                self._painted = annotate(self._shown, self._shape)
            assert self._writer is not None
            self._writer.write(self._painted)
            self._written += 1

    def _room(self) -> bool:
        try:
            free, size = shutil.disk_usage(self._path.parent).free, self._path.stat().st_size
        except OSError as error:
            return self._give_up(error.strerror or str(error))
        if free <= self._reserve:
            return self._give_up(f"only {free / 2**20:.0f} MB are free on its disk")
        seconds = self._written / self._fps
        if size > self._grown[0]:
            self._grown = size, self._written
        elif seconds - self._grown[1] / self._fps > _GROWTH_S:
            return self._give_up("the file does not grow any more")
        return True

    def _give_up(self, reason: str) -> bool:
        self._given_up = True
        if self._writer is not None:
            self._writer.release()
        seconds = self._written / self._fps
        self._warn(f"the video {self._path} ends after {seconds:.0f} s ({reason}); the run continues without it")
        return False


def _open(context: SinkContext, *, video: str) -> Sink:
    return VideoSink(video, live=context.live, force=context.force, warn=context.warn, until=context.until)


SINK = SinkKind(
    options=(click.Option(["--video"], metavar="FILE", help="Record an annotated video: .avi, or .mp4."),), open=_open
)
