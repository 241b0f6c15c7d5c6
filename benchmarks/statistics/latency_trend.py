"""Latency that rises over a sustained run, as on a device that grows hot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import ratio_interval

#: The last fifth of the rounds is compared with the first.
SHARE = 5


@dataclass(frozen=True)
class LatencyTrend:
    """Change of the median from the first fifth of a run to the last.

    Args:
        minutes: duration of the run.
        first_ms, last_ms: medians of the rounds.
        ratio, low, high: last over first, with its 99 % confidence interval.
    """

    minutes: float
    first_ms: float
    last_ms: float
    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, medians: np.ndarray, ends: Sequence[float]) -> LatencyTrend:
        """Compute the trend of a model's rounds.

        Args:
            medians: of each round, float (rounds,), milliseconds.
            ends: seconds from the beginning to the end of each round.
        """
        part = -(-len(medians) // SHARE)
        first, last = medians[:part], medians[-part:]
        found = ratio_interval([last], [first])
        return cls(ends[-1] / 60, float(np.median(first)), float(np.median(last)), found.ratio, found.low, found.high)
