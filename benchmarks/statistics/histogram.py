"""Histograms of latencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 40
#: Slower queries than this percentile are counted, but get no bins: one query in a hundred may take a hundred times
#: as long, and all others would share the first bin.
_LAST = 99


@dataclass(frozen=True)
class Histogram:
    """Numbers of queries between latencies.

    Args:
        edges_ms: one more than ``counts``, rising, each the same multiple of the one before.
        counts: queries between two edges.
        slower: queries above the last edge.
    """

    edges_ms: tuple[float, ...]
    counts: tuple[int, ...]
    slower: int

    @classmethod
    def of(cls, samples: np.ndarray) -> Histogram:
        """Count latencies in milliseconds, float (n,), all above 0."""
        low, high = float(samples.min()), float(np.percentile(samples, _LAST))
        edges = np.geomspace(low, max(high, low * 1.001), BINS + 1)
        # Rounding must not push the fastest query out.
        edges[0] = low
        counts, _ = np.histogram(samples, edges)
        slower = len(samples) - int(counts.sum())
        return cls(tuple(float(edge) for edge in edges), tuple(int(count) for count in counts), slower)
