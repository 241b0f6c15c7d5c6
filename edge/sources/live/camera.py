"""Protocol of cameras: opened, read and closed in a thread that may hang.

The threads, deadlines and reconnections are not a camera's business: see :mod:`edgeemo.edge.sources.live.source`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...common.errors import EdgeemoError


class CameraLost(Exception):
    """A capture gives no more images; the message says why, in a few words, without credentials."""


class StreamEnded(Exception):
    """A stream came to its regular end, such as the end of standard input.

    Args:
        failure: error to raise when there was no image at all; else None.
    """

    def __init__(self, failure: EdgeemoError | None) -> None:
        super().__init__()
        self.failure = failure


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """One image as it came from a camera, not decoded yet.

    Args:
        arrived: monotonic seconds at which we received it.
        taken: monotonic seconds before which it was certainly not taken, as well as this kind of camera lets us know:
            what lay in a buffer has a ``taken`` long before ``arrived``.
        decode: to uint8 (h, w, 3) RGB; None when the image is damaged. Called at most once, and only for images
            that are wanted, so that catching up costs little.
        small: the same view in gray for the detector, uint8 (h', w'), or None.
        count: images that came since the last one; only the newest of them is here.
    """

    arrived: float
    taken: float
    decode: Callable[[], np.ndarray | None]
    small: np.ndarray | None = None
    count: int = 1


class Capture(Protocol):
    """Open camera, used by one thread."""

    def read(self) -> CapturedFrame | None:
        """Wait for the next image and return it; None when none arrived within about a second.

        Raises:
            CameraLost: there will be no more.
            StreamEnded: there are no more.
        """

    def close(self) -> None:
        """Release the device."""


class Camera(Protocol):
    """Camera that can be opened again and again.

    Attributes:
        name: name for messages, without credentials.
    """

    name: str

    def open(self) -> Capture:
        """Open the camera.

        Raises:
            CameraError: it cannot be opened; the hint says what to do.
        """
