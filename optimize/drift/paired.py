"""Statistics of paired answers: the same pictures, right or wrong by two models."""

from __future__ import annotations

import math

import numpy as np

from ...edge.accuracy import Z95

RESAMPLES = 9_999


def mcnemar(lost: int, won: int) -> float:
    """Two-sided exact p of McNemar's test (1947, Psychometrika 12:153-157): a binomial test of the discordant pairs."""
    from scipy import stats

    return float(stats.binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0


def bootstrap_interval(change: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a mean paired change, in percentage points.

    Args:
        change: (n,) of -1, 0, 1: candidate right minus reference right.
        seed: of the resampling.
    """
    from scipy import stats

    if not change.any():
        return 0.0, 0.0
    # A resample is decided by how often each of the three values is drawn: multinomial counts stand for n draws.
    shares = np.array([(change == value).mean() for value in (-1, 0, 1)])
    counts = stats.multinomial(len(change), shares, seed=seed).rvs(RESAMPLES)
    low, high = np.quantile(100 * (counts[:, 2] - counts[:, 0]) / len(change), [0.025, 0.975])
    return float(low), float(high)


def score_interval(lost: int, won: int, n: int) -> tuple[float, float]:
    """95 % interval of a paired difference of proportions, in percentage points (Agresti & Min 2005, "Wald + 2").

    Half a pair is added to each cell of the 2x2 table.
    """
    b, c, total = lost + 0.5, won + 0.5, n + 2
    middle = (c - b) / total
    half = Z95 * math.sqrt((b + c) - (c - b) ** 2 / total) / total
    return 100 * (middle - half), 100 * (middle + half)
