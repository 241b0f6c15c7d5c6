"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double up to a limit.

    Args:
        first_s: before the first attempt.
        most_s: the limit. Short, because looking whether a camera is back costs nothing on a cable, and because it is
            the longest time that a camera which is back waits for us.
        jitter: each wait is this fraction longer or shorter by chance, so that ten devices which lost the same server
            do not come back in the same instant.
    """

    first_s: float = 0.5
    most_s: float = 10.0
    jitter: float = 0.2

    def wait_s(self, attempt: int) -> float:
        """Seconds before attempt 1, 2, 3, ..."""
        # The exponent is bounded: after a month 2 ** attempt would not be a float any more.
        wait = min(self.most_s, self.first_s * 2 ** min(attempt - 1, 30))
        return wait * random.uniform(1 - self.jitter, 1 + self.jitter)
