"""Cameras on a Raspberry Pi's CSI connector, by libcamera's Python package picamera2."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import re
import time
from functools import partial
from typing import Any

import cv2
import numpy as np

from ..common.errors import CameraError, EdgeemoError
from .base import Source, SourceContext, SourceKind
from .live.camera import CameraLost, CapturedFrame
from .live.source import LiveSource

_FORM = re.compile(r"picamera2(?::(\d))?")
#: What the model gets its faces from, and what the detector searches: the image processor reduces for nothing.
MAIN, LORES = (640, 480), (320, 240)
#: Seconds after which a wait for a frame gives up, so that the thread sees that it is to stop.
_READ_S = 1.0
#: Pixel formats of ``main``. libcamera names them by the order of bits in a little-endian word, so that "RGB888" lies
#: in memory as B, G, R, and "BGR888" as R, G, B.
_TO_RGB = {
    "RGB888": cv2.COLOR_BGR2RGB,
    "BGR888": None,
    "XRGB8888": cv2.COLOR_BGRA2RGB,
    "XBGR8888": cv2.COLOR_RGBA2RGB,
}


class PiCamera:
    """Camera of libcamera.

    Args:
        number: index among those that ``rpicam-hello --list-cameras`` lists.
    """

    def __init__(self, number: int = 0) -> None:
        self.name = f"picamera2:{number}"
        self._number = number

    def open(self) -> PiCapture:
        """Open, configure and start the camera.

        Raises:
            CameraError: no picamera2, no such camera, in use, or of pixel formats that are not known here.
        """
        library = _library()
        listed = library.global_camera_info()
        if self._number >= len(listed):
            names = ", ".join(str(about.get("Model", "?")) for about in listed) or "none"
            raise CameraError(
                f"camera {self.name} is not there",
                expected="a camera of libcamera",
                got=names,
                hint="check the ribbon cable, then: rpicam-hello --list-cameras",
            )
        try:
            device = library(camera_num=self._number)
        except (RuntimeError, IndexError, OSError) as error:
            raise self._failure(error) from error
        try:
            wanted = device.create_video_configuration(
                main={"size": MAIN, "format": "RGB888"}, lores={"size": LORES, "format": "YUV420"}, buffer_count=4
            )
            device.configure(wanted)
            # The pipeline may have changed what was asked for, in silence.
            got = device.camera_configuration()
            if got["main"]["format"] not in _TO_RGB:
                raise CameraError(
                    f"camera {self.name} gives unknown pixels",
                    expected=" or ".join(_TO_RGB),
                    got=str(got["main"]["format"]),
                )
            device.start()
        except (RuntimeError, OSError) as error:
            _close(device)
            raise self._failure(error) from error
        except EdgeemoError:
            _close(device)
            raise
        return PiCapture(device, got)

    def _failure(self, error: Exception) -> CameraError:
        return CameraError(
            f"camera {self.name} cannot be opened ({' '.join(str(error).split())})",
            hint="check its cable, and that no other program uses it",
        )


class PiCapture:
    """Running camera.

    Args:
        device: started ``Picamera2``.
        configuration: its actual configuration.
    """

    def __init__(self, device: Any, configuration: dict[str, Any]) -> None:
        self._device = device
        self._main, self._lores = configuration["main"], configuration.get("lores")
        self._job: Any = None

    def read(self) -> CapturedFrame | None:
        """Return the next image; None when none arrived for a second."""
        # One job until it is done: after a wait that timed out, a new one would leave its frame to nobody.
        self._job = self._job or self._device.capture_request(wait=False)
        try:
            request = self._device.wait(self._job, timeout=_READ_S)
        except (TimeoutError, concurrent.futures.TimeoutError):
            return None
        except (RuntimeError, OSError, concurrent.futures.CancelledError) as error:
            raise CameraLost(f"it failed ({type(error).__name__})") from error
        self._job = None
        try:
            arrived = time.monotonic()
            main = request.make_buffer("main")
            small = gray(request.make_buffer("lores"), self._lores) if self._lores else None
            taken = _taken(request.get_metadata().get("SensorTimestamp"), arrived)
        finally:
            request.release()
        return CapturedFrame(arrived, taken, partial(rgb, main, self._main), small)

    def close(self) -> None:
        """Stop and release the camera."""
        _close(self._device)


def rgb(buffer: np.ndarray, stream: dict[str, Any]) -> np.ndarray:
    """Return the pixels of ``main`` as RGB.

    Args:
        buffer: all bytes of the stream, uint8, rows padded to ``stride``.
        stream: configuration of the stream: ``size``, ``format``, ``stride``.

    Returns:
        uint8 (h, w, 3).
    """
    width, height = stream["size"]
    conversion = _TO_RGB[stream["format"]]
    depth = 3 if stream["format"] in ("RGB888", "BGR888") else 4
    pixels = _rows(buffer, stream)[:, : width * depth].reshape(height, width, depth)
    return np.ascontiguousarray(pixels) if conversion is None else cv2.cvtColor(pixels, conversion)


def gray(buffer: np.ndarray, stream: dict[str, Any]) -> np.ndarray:
    """Return the brightness plane of a YUV420 stream: uint8 (h, w)."""
    return np.ascontiguousarray(_rows(buffer, stream)[:, : stream["size"][0]])


def _rows(buffer: np.ndarray, stream: dict[str, Any]) -> np.ndarray:
    height, stride = stream["size"][1], stream["stride"]
    return buffer[: height * stride].reshape(height, stride)


def _taken(stamp: int | None, arrived: float) -> float:
    """Return when a frame was exposed, on our clock.

    libcamera's timestamps are nanoseconds since the machine was started, with the time in which it slept, which our
    clock does not count.
    """
    if stamp is None or not hasattr(time, "CLOCK_BOOTTIME"):
        return arrived
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - stamp / 1e9
    return arrived - age if 0 <= age < 3600 else arrived


def _library() -> Any:
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise CameraError(
            "picamera2 cannot be imported",
            hint="on Raspberry Pi OS: sudo apt install python3-picamera2; make the venv with --system-site-packages",
        ) from error


def _close(device: Any) -> None:
    # A camera whose cable came off may refuse even that; the jobs that wait for its frames come to no end.
    for step in ("cancel_all_and_flush", "stop", "close"):
        with contextlib.suppress(Exception):
            getattr(device, step)()


def _open(text: str, context: SourceContext) -> Source:
    match = _FORM.fullmatch(text)
    return LiveSource(PiCamera(int(match[1] or 0) if match else 0), limits=context.limits)


SOURCE = SourceKind(
    form="picamera2[:N]",
    help="a camera on a Raspberry Pi's CSI connector",
    accepts=lambda text: _FORM.fullmatch(text) is not None,
    open=_open,
    priority=0,
)
