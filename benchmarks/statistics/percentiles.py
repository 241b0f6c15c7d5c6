"""Percentiles that are given only when there are enough queries to support them.

The rule is that of MLPerf's LoadGen for the single-stream scenario ("early stopping", mlcommons/inference,
loadgen/early_stopping.cc and results.cc; inference_rules.adoc, appendix on early stopping; in force since 2022). With
confidence 0.99 and tolerance 0, n queries of which the slowest t are at or above a latency x prove that the
p-percentile is at most x when P(Binomial(n, 1 - p) <= t) <= 0.01. The smallest n for which that can be said at all with
t = 1 is 11 for p50, 64 for p90, 130 for p95 and 662 for p99.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

#: LoadGen's confidence; its tolerance is 0.
CONFIDENCE = 0.99
PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class Percentile:
    """One percentile of a set of latencies.

    Args:
        value: as measured, linear between neighbors.
        bound: LoadGen's early-stopping estimate: the true percentile is below it with 99 % confidence, if the queries
            are independent.
    """

    value: float
    bound: float


@functools.cache
def queries_needed(percentile: int) -> int:
    """Return how many queries a percentile needs by the rule of this module."""
    n = 2
    while _at_most(1, n, 1 - percentile / 100) > 1 - CONFIDENCE:
        n += 1
    return n


def percentile(samples: np.ndarray, which: int) -> Percentile | None:
    """Return a percentile of some latencies, or None when they are too few for it.

    Args:
        samples: latencies, float (n,), any order and unit.
        which: 1 to 99.
    """
    n = len(samples)
    if n < queries_needed(which):
        return None
    slower = 1
    while _at_most(slower + 1, n, 1 - which / 100) <= 1 - CONFIDENCE:
        slower += 1
    return Percentile(float(np.percentile(samples, which)), float(np.sort(samples)[n - slower]))


def _at_most(t: int, n: int, q: float) -> float:
    """Return P(Binomial(n, q) <= t)."""
    return _cumulative(n, q)[t]


@functools.lru_cache(maxsize=64)
def _cumulative(n: int, q: float) -> np.ndarray:
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(q) + (n - k) * math.log1p(-q)
        for k in range(n + 1)
    ]
    return np.cumsum(np.exp(logs))
