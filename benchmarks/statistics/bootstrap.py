"""Medians and ratios of times that were measured in rounds, and their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
CONFIDENCE = 0.99


@dataclass(frozen=True)
class RatioInterval:
    """A ratio of medians.

    Args:
        ratio: as measured.
        low, high: bounds of its confidence interval.
    """

    ratio: float
    low: float
    high: float


def ratio_interval(new: Sequence[np.ndarray], old: Sequence[np.ndarray]) -> RatioInterval:
    """Return the ratio of the median of ``new`` to that of ``old``, with its 99 % confidence interval.

    Percentile bootstrap in two steps: runs are drawn with replacement, then in each run blocks of neighboring rounds,
    of the length n^(1/3), around the end (circular block bootstrap, Politis and Romano 1992), because a slow moment
    spans several rounds. What only differs between runs is seen only when there are several.

    Args:
        new, old: for each run the medians of its rounds, float (rounds,).
    """
    draw = np.random.default_rng(0)
    ratios = _medians(new, draw) / _medians(old, draw)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(ratios, (tail, 100 - tail))
    ratio = np.median(np.concatenate(new)) / np.median(np.concatenate(old))
    return RatioInterval(float(ratio), float(low), float(high))


def matched_logs(logs: np.ndarray) -> np.ndarray:
    """Return by how much each of several things is slower than their geometric mean, as logarithms.

    On a machine with two paces the median of a thing's rounds depends on how often the slow one hit it. The median of
    the ratios of two things in the same round does not: both paces are as likely to hit the one as the other. These are
    fitted to the ratios of all pairs by least squares, which is their mean.

    Args:
        logs: logarithms of the time of each thing in each round, float (rounds, things).

    Returns:
        float64 (things,).
    """
    return np.array([np.median(logs[:, [index]] - logs, axis=0).mean() for index in range(logs.shape[1])])


def matched_medians(times: np.ndarray) -> np.ndarray:
    """Return times with the ratios of :func:`matched_logs` and the geometric mean of the plain medians.

    Args:
        times: time of each thing in each round, float (rounds, things), above 0.

    Returns:
        float64 (things,), in the unit of ``times``.
    """
    scale = np.log(np.median(times, axis=0)).mean()
    medians: np.ndarray = np.exp(matched_logs(np.log(times)) + scale)
    return medians


def _medians(runs: Sequence[np.ndarray], draw: np.random.Generator) -> np.ndarray:
    """Return medians of resampled rounds, float64 (DRAWS,)."""
    longest = max(map(len, runs))
    drawn = np.full((DRAWS, len(runs), longest), np.nan)
    chosen = draw.integers(len(runs), size=(DRAWS, len(runs)))
    for which, rounds in enumerate(runs):
        drawn[chosen == which, : len(rounds)] = _resampled(rounds, int((chosen == which).sum()), draw)
    medians: np.ndarray = np.nanmedian(drawn.reshape(DRAWS, -1), axis=1)
    return medians


def _resampled(rounds: np.ndarray, times: int, draw: np.random.Generator) -> np.ndarray:
    """Return rounds resampled in blocks, float64 (times, rounds)."""
    n = len(rounds)
    length = math.ceil(n ** (1 / 3))
    starts = draw.integers(n, size=(times, math.ceil(n / length), 1))
    places = (starts + np.arange(length)).reshape(times, -1)[:, :n] % n
    resampled: np.ndarray = rounds[places]
    return resampled
