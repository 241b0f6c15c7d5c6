"""Deadlines of a camera, and the waits between attempts to get it back."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """Waits between attempts, which double up to a limit.

    Args:
        first_s: wait before the first attempt.
        most_s: the limit. Short, because looking whether a camera is back costs nothing on a cable, and because it is
            the longest time that a camera which is back waits for us.
        jitter: each wait is this fraction longer or shorter by chance, so that ten devices which lost the same server
            do not come back in the same instant.
    """

    first_s: float = 0.5
    most_s: float = 10.0
    jitter: float = 0.2

    def wait_s(self, attempt: int) -> float:
        """Return the seconds to wait before attempt 1, 2, 3, ..."""
        # The exponent is bounded: after a month 2 ** attempt would not be a float any more.
        wait = min(self.most_s, self.first_s * 2 ** min(attempt - 1, 30))
        return wait * random.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass(frozen=True)
class Limits:
    """Deadlines of a camera, in seconds on a clock that does not jump.

    Args:
        open_s: longest time to open it. Webcams take up to 2, an RTSP camera probes its stream for some.
        stall_s: without an image that can be used, then it counts as lost. Webcams take up to 2 for the first image,
            and in the dark some give one a second.
        max_age_s: an image that was taken longer ago is not classified.
        frozen_s: the same image for so long is a frozen camera; 0 for never.
        reopen_s: interval at which a frozen camera is reopened.
        retries: failed attempts to get it back before the run ends with an error; None for no end.
        wait: whether a camera that is absent at the start is waited for too.
        backoff: waits between the attempts.
    """

    open_s: float = 10.0
    stall_s: float = 5.0
    max_age_s: float = 1.0
    frozen_s: float = 10.0
    reopen_s: float = 30.0
    retries: int | None = None
    wait: bool = False
    backoff: Backoff = field(default_factory=Backoff)
