"""Things timed in the same rounds, compared so that it does not matter how often a machine's slow pace hit each."""

from __future__ import annotations

import numpy as np


def matched(logs: np.ndarray) -> np.ndarray:
    """How much slower than the geometric mean of all each of several things is, as a logarithm, float64 (things,).

    On a machine with two paces the median of a thing's rounds depends on how often the slow one hit it. The median of
    the ratios of two things in the same round does not: both paces are as likely to hit the one as the other. These are
    fitted to the ratios of all pairs by least squares, which is their mean.

    Args:
        logs: logarithms of what each thing took in each round, float (rounds, things).
    """
    return np.array([np.median(logs[:, [index]] - logs, axis=0).mean() for index in range(logs.shape[1])])


def matched_medians(times: np.ndarray) -> np.ndarray:
    """Times of things with the ratios of :func:`matched` and the geometric mean of the plain medians, (things,).

    Args:
        times: of each thing in each round, float (rounds, things), above 0.
    """
    scale = np.log(np.median(times, axis=0)).mean()
    medians: np.ndarray = np.exp(matched(np.log(times)) + scale)
    return medians
