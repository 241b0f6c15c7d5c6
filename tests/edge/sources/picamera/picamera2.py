"""A camera under libcamera, without libcamera: what edgeemo uses of picamera2 0.3, with its signatures and its traps.

It pads rows, changes the pixel format in silence when asked to, hands frames to whoever asked first, and never
ends a request that no frame comes for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np

#: Bytes to which rows are padded, as on a Pi 5.
_ALIGN = 64
_DEPTH = {"RGB888": 3, "BGR888": 3, "XRGB8888": 4, "XBGR8888": 4, "YUYV": 2}


class Behavior:
    """What the camera does; tests set it."""

    cameras = 1
    format: str | None = None
    stalled = False
    age_s = 0.0
    color = (200, 90, 30)
    fails_to_start = False
    rate = 50.0
    in_use = 0
    held = 0


class Job:
    """A frame that was asked for."""

    def __init__(self) -> None:
        self._future: Future[CompletedRequest] = Future()

    def get_result(self, timeout: float | None = None) -> CompletedRequest:
        return self._future.result(timeout=timeout)

    def cancel(self) -> None:
        self._future.set_exception(CancelledError())


class CompletedRequest:
    """A frame with its streams, to be released."""

    def __init__(self, config: dict[str, Any], number: int) -> None:
        self._config, self._number, self._released = config, number, False
        self._stamp = time.clock_gettime(time.CLOCK_BOOTTIME) - Behavior.age_s
        Behavior.held += 1

    def make_buffer(self, name: str) -> np.ndarray:
        if self._released:
            raise RuntimeError("request was released")
        stream = self._config[name]
        width, height = stream["size"]
        red, green, blue = Behavior.color
        noise = self._number % 7
        if name == "lores":
            rows = np.full((height * 3 // 2, stream["stride"]), 255, np.uint8)
            rows[:height, :width] = 100 + noise
            return rows.ravel()
        order = {
            "RGB888": (blue, green, red),
            "BGR888": (red, green, blue),
            "XRGB8888": (blue, green, red, 255),
            "XBGR8888": (red, green, blue, 255),
        }[stream["format"]]
        rows = np.full((height, stream["stride"]), 255, np.uint8)
        rows[:, : width * len(order)] = np.tile(np.array(order, np.uint8), width)
        rows[0, 0] = noise
        return rows.ravel()

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": int(self._stamp * 1e9)}

    def release(self) -> None:
        if self._released:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._released = True
        Behavior.held -= 1


class Picamera2:
    """See the module."""

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Location": 2, "Rotation": 180, "Id": "/base/x", "Num": 0}] * Behavior.cameras

    def __init__(
        self,
        camera_num: int = 0,
        verbose_console: int | None = None,
        tuning: dict[str, Any] | None = None,
        allocator: Any = None,
    ) -> None:
        if Behavior.in_use:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        Behavior.in_use += 1
        self.camera_config: dict[str, Any] = {}
        self.started = False
        self._jobs: list[Job] = []
        self._lock = threading.Lock()
        self._number = 0
        self._loop: threading.Thread | None = None

    def create_video_configuration(
        self,
        main: dict[str, Any] = {},  # noqa: B006
        lores: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = {},  # noqa: B006
        transform: Any = None,
        colour_space: Any = None,
        buffer_count: int = 6,
        controls: dict[str, Any] = {},  # noqa: B006
        display: str | None = "main",
        encode: str | None = "main",
        queue: bool = True,
        sensor: dict[str, Any] | None = {},  # noqa: B006
        use_case: str = "video",
    ) -> dict[str, Any]:
        return {"main": dict(main), "lores": lores and dict(lores), "buffer_count": buffer_count, "use_case": use_case}

    def configure(self, camera_config: dict[str, Any] | None = None) -> None:
        assert camera_config is not None
        self.camera_config = camera_config
        main, lores = camera_config["main"], camera_config["lores"]
        main["format"] = Behavior.format or main["format"]
        main["stride"] = -(-main["size"][0] * _DEPTH[main["format"]] // _ALIGN) * _ALIGN + _ALIGN
        lores["stride"] = -(-lores["size"][0] // _ALIGN) * _ALIGN + _ALIGN

    def camera_configuration(self) -> dict[str, Any]:
        return self.camera_config

    def start(self, config: Any = None, show_preview: bool = False) -> None:
        if Behavior.fails_to_start:
            raise RuntimeError("Failed to start camera: Device or resource busy")
        self.started = True
        self._loop = threading.Thread(target=self._run, daemon=True)
        self._loop.start()

    def capture_request(
        self, wait: bool | float | None = None, signal_function: Callable[[Job], None] | None = None, flush: Any = None
    ) -> Any:
        job = Job()
        with self._lock:
            self._jobs.append(job)
        return job if wait is False else job.get_result(None if wait in (None, True) else wait)

    def wait(self, job: Job, timeout: float | None = None) -> CompletedRequest:
        return job.get_result(timeout=timeout)

    def cancel_all_and_flush(self) -> None:
        with self._lock:
            for job in self._jobs:
                job.cancel()
            self._jobs = []

    def stop(self) -> None:
        self.started = False
        if self._loop is not None:
            self._loop.join()

    def close(self) -> None:
        self.stop()
        Behavior.in_use -= 1

    def _run(self) -> None:
        while self.started:
            time.sleep(1 / Behavior.rate)
            with self._lock:
                if self._jobs and not Behavior.stalled:
                    self._number += 1
                    self._jobs.pop(0)._future.set_result(CompletedRequest(self.camera_config, self._number))
