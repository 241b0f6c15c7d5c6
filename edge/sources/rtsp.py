"""Network cameras read by OpenCV through FFmpeg: RTSP, and over HTTP all that is not MJPEG."""

from __future__ import annotations

import math
import time

import cv2

from ..common.errors import CameraError
from ..vision.opencv import to_rgb
from .base import Source, SourceContext, SourceKind
from .live.camera import CameraLost, CapturedFrame
from .live.source import LiveSource
from .opencv_capture import open_capture
from .url import CameraUrl

#: Deadlines for opening and for a read, in ms. Opening includes FFmpeg's probing of the stream.
_DEADLINES = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 8_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2_000)
#: A delay that is shorter by so many seconds than the shortest so far shows that we had been behind, ...
_FALL_S = 0.05
#: ...and that we are not is believed after so many frames and seconds without such a fall.
_STEADY_FRAMES, _STEADY_S = 3, 0.25
#: The two clocks may drift apart by this fraction: quartz is a thousand times better, but some cameras stamp by
#: counting frames.
_DRIFT = 0.02
#: A step of the stream's clock beyond ours by so many seconds is a new beginning.
_JUMP_S = 60.0


class StreamCamera:
    """Camera behind an address that FFmpeg understands.

    Args:
        address: URL, with or without credentials.
    """

    def __init__(self, address: CameraUrl) -> None:
        self.name = address.shown
        self._address = address

    def open(self) -> StreamCapture:
        """Connect.

        Raises:
            CameraError: no stream there.
        """
        capture = open_capture(self._address.url, cv2.CAP_FFMPEG, _DEADLINES)
        if capture is None:
            raise CameraError(
                f"camera {self.name} cannot be opened (no answer, no such stream, or a wrong password)",
                hint="check its address, user, password, power and network",
            )
        return StreamCapture(capture)


class StreamCapture:
    """Open stream.

    Args:
        capture: open capture of OpenCV.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._clock = StreamClock()

    def read(self) -> CapturedFrame | None:
        """Return the next image; catch up with the camera when necessary."""
        if not self._capture.grab():
            # A dead capture never recovers, although isOpened() stays true.
            raise CameraLost("the stream broke off")
        arrived = time.monotonic()
        age = self._clock.age(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, arrived)
        if math.isinf(age):
            return CapturedFrame(arrived, -math.inf, lambda: None)
        read, image = self._capture.retrieve()
        if not read:
            return CapturedFrame(arrived, arrived - age, lambda: None)
        return CapturedFrame(arrived, arrived - age, lambda: to_rgb(image, bgr=True))

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()


class StreamClock:
    """Age of frames by the timestamps of their stream.

    They count from the stream's beginning on the camera's clock. The frame that came with the least delay so far stands
    for "now"; every other is as old as it came later than that. FFmpeg collects frames while it probes a stream, and a
    machine that slept finds a queue of them: while the delay keeps falling, all that is known is that frames are old.
    """

    def __init__(self) -> None:
        self._position = self._arrived = self._fell = 0.0
        self._least = math.inf
        self._steady = 0

    def age(self, position: float, arrived: float) -> float:
        """Return the age of a frame in seconds; infinite while it is not known.

        Args:
            position: seconds from the start of the stream to the frame.
            arrived: monotonic seconds at which it arrived.
        """
        delay = arrived - position
        moved, passed = position - self._position, arrived - self._arrived
        first = math.isinf(self._least)
        self._position, self._arrived = position, arrived
        if not first and moved <= 0 and moved > -_JUMP_S:
            # A stream without times of its own: nothing can be said against its frames.
            return 0.0
        self._least += _DRIFT * passed
        if first or abs(moved) > passed + _JUMP_S or delay < self._least - _FALL_S:
            self._least, self._fell, self._steady = delay, arrived, 0
            return math.inf
        self._least = min(self._least, delay)
        self._steady += 1
        settled = self._steady >= _STEADY_FRAMES and arrived - self._fell >= _STEADY_S
        return delay - self._least if settled else math.inf


def _open(text: str, context: SourceContext) -> Source:
    return LiveSource(StreamCamera(CameraUrl.parse(text)), limits=context.limits)


SOURCE = SourceKind(
    form="rtsp://..., rtsps://...",
    help="a network camera",
    accepts=lambda text: text.lower().startswith(("rtsp://", "rtsps://")),
    open=_open,
    priority=0,
)
