"""Frames of a camera: one thread captures, and only the newest frame is handed on."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from ..errors import EdgeemoError
from .capture import READ_TIMEOUT_S, open_capture
from .frame import Frame, to_rgb

#: Seconds without a frame after which a camera counts as lost. Webcams take up to 2 s for the first frame, and in the
#: dark some give one frame a second.
PATIENCE_S = 5.0
#: What is asked of the camera; it may give another size. Faces are searched on 320 pixels and seen by the model on
#: fewer than 100: more than VGA would only cost bandwidth and conversions.
SIZE = (640, 480)
#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05
#: How long the end waits for the thread: one read that times out, and a little. A thread that still hangs in the
#: driver then is left to the end of the process.
_JOIN_S = READ_TIMEOUT_S + 0.3


class CameraSource:
    """A V4L2 camera (or, off Linux, what OpenCV finds at an index).

    Frames that arrive while one is being classified are dropped but for the newest, and none is given twice.

    Args:
        index: N of /dev/videoN.
        patience_s: seconds without a frame after which the camera counts as lost.

    Raises:
        EdgeemoError: on entry: cannot be opened; in the pass over it: gives no frame for ``patience_s``.
    """

    def __init__(self, index: int, *, patience_s: float = PATIENCE_S) -> None:
        self.index = index
        self.name = f"/dev/video{index}"
        self.skipped = 0
        self._patience_s = patience_s
        self._stopping = False
        self._changed = threading.Condition()
        # Guarded by _changed: whether the camera is open, the newest frame, how many there were, when the first and the
        # newest came, and what ended the thread.
        self._opened = False
        self._newest: np.ndarray | None = None
        self._count = 0
        self._first_s = self._last_s = time.monotonic()
        self._failure: EdgeemoError | None = None
        self._thread = threading.Thread(target=self._run, name=f"capture {self.name}", daemon=True)

    def __enter__(self) -> CameraSource:
        self._last_s = time.monotonic()
        self._thread.start()
        try:
            with self._changed:
                self._wait_until(lambda: self._opened)
        except EdgeemoError:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(_JOIN_S)

    def __iter__(self) -> Iterator[Frame]:
        taken = 0
        while True:
            with self._changed:
                self._wait_until(lambda: self._count > taken)  # noqa: B023
                if self._stopping:
                    return
                taken, picture, time_s = self._count, self._newest, self._last_s - self._first_s
            assert picture is not None
            yield Frame(taken - 1, round(time_s, 6), to_rgb(picture, bgr=True), self.name)

    def stop(self) -> None:
        """End the pass and the thread; a plain flag, because a signal handler must not wait for a lock."""
        self._stopping = True

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until ``ready`` or stopped, but not longer than there is patience."""
        while not self._stopping and not ready():
            if self._failure is not None:
                raise self._failure
            left = self._last_s + self._patience_s - time.monotonic()
            if left <= 0:
                raise EdgeemoError(
                    f"camera {self.name} gave no frame for {self._patience_s:g} s",
                    mend="check that it is plugged in and that no other program uses it, then start again",
                )
            self._changed.wait(min(left, _TICK_S))

    def _run(self) -> None:
        try:
            capture = open_capture(self.index, cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY)
            if capture is None:
                self._publish_failure(_cannot_open(self.index))
                return
            try:
                self._capture_from(capture)
            finally:
                capture.release()
        except Exception as error:
            self._publish_failure(EdgeemoError(f"camera {self.name} failed ({' '.join(str(error).split())})"))

    def _capture_from(self, capture: cv2.VideoCapture) -> None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
        with self._changed:
            self._opened = True
            self._changed.notify()
        while not self._stopping:
            read, picture = capture.read()
            if not read:
                # An unplugged camera fails at once, for ever: do not spin until the reader's patience ends.
                time.sleep(_TICK_S)
                continue
            with self._changed:
                self._newest, self._last_s = picture, time.monotonic()
                self._first_s = self._first_s if self._count else self._last_s
                self._count += 1
                self._changed.notify()

    def _publish_failure(self, failure: EdgeemoError) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify()


def _cannot_open(index: int) -> EdgeemoError:
    device = Path(f"/dev/video{index}")
    present = sorted(str(path) for path in Path("/dev").glob("video*"))
    if device.exists() and not os.access(device, os.R_OK | os.W_OK):
        mend = "you may not use it: join its group with: sudo usermod -aG video $USER, and log in again"
    elif device.exists():
        mend = "it may be in use by another program, or not be a capture device"
    elif present:
        mend = "there are " + ", ".join(present)
    else:
        mend = "there is no camera on this machine: plug one in"
    return EdgeemoError(f"camera {index} ({device}) cannot be opened", mend=mend)
