"""Thread that reads a camera, and the slot in which it leaves the newest image."""

from __future__ import annotations

import threading

from ...common.errors import EdgeemoError
from .camera import Camera, CameraLost, Capture, CapturedFrame, StreamEnded


class CaptureThread:
    """Thread that opens a camera and keeps its newest image.

    A thread that hangs in a driver cannot be ended. So it is used for one opening only: whoever waits for it has a
    clock of its own, gives the thread up and starts another. A thread that was given up and comes back to life closes
    its camera and ends.

    Args:
        camera: camera to open.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._stopping = False
        self._changed = threading.Condition()
        # Guarded by _changed.
        self._opened = False
        self._newest: CapturedFrame | None = None
        self._count = 0
        self._end: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"capture {camera.name}", daemon=True)
        self._thread.start()

    @property
    def opened(self) -> bool:
        """Whether the camera is open."""
        return self._opened

    @property
    def end(self) -> Exception | None:
        """Exception that ended it: CameraError (could not be opened), CameraLost or StreamEnded; None while it runs."""
        return self._end

    @property
    def alive(self) -> bool:
        """Whether the thread still runs or hangs."""
        return self._thread.is_alive()

    def newest(self, after: int, timeout: float) -> tuple[int, CapturedFrame | None]:
        """Return the newest image, if there is one after number ``after``; wait for it up to ``timeout`` seconds.

        Returns:
            Number of images so far, and the newest; or ``after`` and None.
        """
        with self._changed:
            if self._count <= after and self._end is None:
                self._changed.wait(timeout)
            return (self._count, self._newest) if self._count > after else (after, None)

    def wait_opened(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until it is open or has ended."""
        with self._changed:
            if not self._opened and self._end is None:
                self._changed.wait(timeout)

    def stop(self) -> None:
        """Ask the thread to end. Does not wait."""
        self._stopping = True

    def join(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the thread's end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        end: Exception
        try:
            capture = self._camera.open()
            try:
                with self._changed:
                    self._opened = True
                    self._changed.notify_all()
                self._read_from(capture)
            finally:
                capture.close()
            end = CameraLost("it was closed")
        except (EdgeemoError, CameraLost, StreamEnded) as error:
            end = error
        except Exception as error:
            # A driver's own exception is a lost camera too: the run continues.
            end = CameraLost(f"it failed ({type(error).__name__})")
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def _read_from(self, capture: Capture) -> None:
        while not self._stopping:
            shot = capture.read()
            if shot is not None:
                with self._changed:
                    self._newest = shot
                    self._count += shot.count
                    self._changed.notify_all()
