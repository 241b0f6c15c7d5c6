"""State that the live page shows: the newest update, in memory that grows neither with clients nor with time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import Any

import cv2
import numpy as np

from ...faces.face import largest
from ..base import SourceState, Update

#: Seconds of the timeline.
TIMELINE_S = 300
#: Frames that are kept for clients that have read of them a moment ago.
_FRAMES = 8
#: A frame that is older is not shown: it would pass for the present.
_FRESH_S = 5.0
#: Seconds after which a client without news gets the same update again.
_REPEAT_S = 2.0
#: Faces that the page lists.
_FACES = 50
#: Longest side of a frame in the page, and its JPEG quality: about 50 KB.
_SIDE, _QUALITY = 960, 80


class LiveState:
    """Newest update, taken from the loop's thread and given to any number of clients in the server's.

    Each client asks for what is newer than what it has: nothing is queued for it, so one that reads slowly skips, and
    one that never reads costs nothing.

    Args:
        keep_frames: whether frames may be served.
    """

    def __init__(self, *, keep_frames: bool) -> None:
        self._keep_frames = keep_frames
        self._lock = threading.Lock()
        self._number = 0
        self._latest: tuple[int, Update] | None = None
        self._frames: deque[tuple[int, float, np.ndarray]] = deque(maxlen=_FRAMES)
        self._timeline: deque[dict[str, Any]] = deque(maxlen=TIMELINE_S)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waking = False
        self._waiting = 0
        self._ended = False
        self._images: deque[tuple[int, asyncio.Task[bytes]]] = deque(maxlen=2)

    @property
    def ended(self) -> bool:
        """Whether the run has ended, so that clients are to disconnect."""
        return self._ended

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start waking clients that wait in ``loop``."""
        with self._lock:
            self._loop = loop

    def put(self, update: Update) -> None:
        """Take an update; from any thread."""
        with self._lock:
            self._number += 1
            self._latest = self._number, update
            if self._keep_frames and update.frame is not None:
                self._frames.append((self._number, update.monotonic, update.frame.image))
            self._note(update)
            self._wake()

    def end(self) -> None:
        """Disconnect all clients, from any thread."""
        with self._lock:
            self._ended = True
            self._wake()

    async def after(self, number: int) -> tuple[int, Update] | None:
        """Return the newest update when it is newer than that number, else wait for the next one.

        When none comes for :data:`_REPEAT_S`, the same one is returned again, so that its reader sees how old it
        gets; None at the end.
        """
        repeat = time.monotonic() + _REPEAT_S
        # Before the look at what is newest: an update that comes right after it wakes us.
        self._waiting += 1
        try:
            while not self._ended:
                changed, latest = self._changed, self._latest
                wait = repeat - time.monotonic()
                if latest is not None and (latest[0] > number or wait <= 0):
                    return latest
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), max(wait, 0.05))
        finally:
            self._waiting -= 1
        return None

    def timeline(self, since: int) -> list[dict[str, Any]]:
        """Return the seconds of the timeline that are over and later than ``since``, by the monotonic clock."""
        now = int(time.monotonic())
        with self._lock:
            return [dict(second) for second in self._timeline if since < second["t"] < now]

    async def jpeg(self, number: int) -> tuple[int, bytes] | None:
        """Return the frame of an update, or the newest when that one is gone or has none.

        Returns:
            Its number and the image; None when there is none that is fresh.
        """
        with self._lock:
            running = self._latest is not None and self._latest[1].status.state is SourceState.RUNNING
            fresh = [item for item in self._frames if time.monotonic() - item[1] <= _FRESH_S]
        if not running or not fresh:
            return None
        chosen, _, image = next((item for item in fresh if item[0] == number), fresh[-1])
        # However many ask for it, a frame is encoded once.
        task = next((task for known, task in self._images if known == chosen), None)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(encode, image))
            self._images.append((chosen, task))
        return chosen, await asyncio.shield(task)

    def _wake(self) -> None:
        # One call is enough for any number of updates, so that a server that is busy does not pile them up; none is
        # needed while nobody waits: its thread would take turns from the one that classifies.
        if self._loop is not None and self._waiting and not self._waking and not self._loop.is_closed():
            self._waking = True
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        with self._lock:
            self._waking = False
            changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _note(self, update: Update) -> None:
        """Enter the second of this update into the timeline: the largest face, and the state of the source."""
        # Not the system's clock: were it set back, the timeline would stand still until that time had come again.
        second = int(update.monotonic)
        if not self._timeline or self._timeline[-1]["t"] < second:
            self._timeline.append({"t": second, "state": "", "faces": 0, "probabilities": None})
        entry = self._timeline[-1]
        entry["state"] = update.status.state.value
        entry["faces"] = max(entry["faces"], len(update.faces))
        if face := largest(update.faces):
            entry["probabilities"] = face.to_dict()["probabilities"]


def state_of(number: int, update: Update) -> dict[str, Any]:
    """Return an update as JSON values for the page."""
    status, frame = update.status, update.frame
    return {
        "n": number,
        "state": status.state.value,
        "reason": status.reason,
        "age": round(max(0.0, time.monotonic() - update.monotonic), 1),
        "for": round(max(0.0, time.monotonic() - status.since), 1),
        "fps": round(status.fps, 1),
        "reconnects": status.reconnects,
        "dropped": status.dropped,
        "restarts": status.restarts,
        "size": None if frame is None else [frame.image.shape[1], frame.image.shape[0]],
        "faces": [face.to_dict() for face in update.faces[:_FACES]],
        "ms": None if update.result is None else update.result.times.to_dict(),
    }


def encode(image: np.ndarray) -> bytes:
    """Encode a frame, RGB uint8 (h, w, 3), as a JPEG of at most :data:`_SIDE` pixels a side."""
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return data.tobytes()
