"""Statistics of paired answers: the same images, right or wrong by two models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...edge.common.proportion import Z95

RESAMPLES = 9_999
#: Smallest probability that is distinguished from 0; keeps logarithms finite where int8 gives exactly 0.
FLOOR = 1e-7


@dataclass(frozen=True)
class PairedChange:
    """Paired change of a proportion between two models. Points are percentage points; a loss is negative.

    Args:
        n: images.
        lost, won: images that only the reference, only the candidate had right.
        bootstrap: 95 % percentile interval of the difference; see :func:`bootstrap_interval`.
        score: 95 % interval that does not shrink to nothing when no image changed; see :func:`score_interval`.
    """

    n: int
    lost: int
    won: int
    bootstrap: tuple[float, float]
    score: tuple[float, float]

    @classmethod
    def of(cls, reference: np.ndarray, candidate: np.ndarray) -> PairedChange:
        """Count the changes.

        Args:
            reference, candidate: bool (n,), whether the answer to each image is right.
        """
        lost, won = int((reference & ~candidate).sum()), int((~reference & candidate).sum())
        change = candidate.astype(np.int8) - reference.astype(np.int8)
        return cls(len(change), lost, won, bootstrap_interval(change), score_interval(lost, won, len(change)))

    @property
    def difference(self) -> float:
        """Candidate minus reference, points."""
        return 100 * (self.won - self.lost) / self.n

    @property
    def worst_loss(self) -> float:
        """Upper 95 % bound of the loss in points: the larger one of both intervals."""
        return -min(self.bootstrap[0], self.score[0])


def least_provable(n: int) -> float:
    """Return the upper 95 % bound of the loss, points, when none of ``n`` images has changed."""
    return -score_interval(0, 0, n)[0]


def mcnemar(lost: int, won: int) -> float:
    """Return the two-sided exact p of McNemar's test (1947, Psychometrika 12:153-157), binomial on discordant pairs."""
    from scipy import stats

    return float(stats.binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0


def bootstrap_interval(change: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean paired change, percentage points (Efron & Tibshirani 1993, ch. 13).

    A resample of images is decided by how often each of three values is drawn, and these counts are multinomial: the
    distribution is that of ``scipy.stats.bootstrap(method="percentile")``, for 3 numbers a resample instead of n.

    Args:
        change: (n,) of -1, 0, 1: candidate right minus reference right.
        seed: of the resampling.
    """
    from scipy import stats

    if not change.any():
        return 0.0, 0.0
    shares = np.array([(change == value).mean() for value in (-1, 0, 1)])
    counts = stats.multinomial(len(change), shares, seed=seed).rvs(RESAMPLES)
    low, high = np.quantile(100 * (counts[:, 2] - counts[:, 0]) / len(change), [0.025, 0.975])
    return float(low), float(high)


def mean_interval(changes: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of any changes by its standard error, in percentage points.

    Args:
        changes: float (n,), one for each image, -1 to 1.
    """
    if len(changes) < 2:
        return -100.0, 100.0
    middle, half = changes.mean(), Z95 * changes.std(ddof=1) / math.sqrt(len(changes))
    return float(100 * (middle - half)), float(100 * (middle + half))


def score_interval(lost: int, won: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a paired difference of proportions, in percentage points.

    "Wald + 2" of Agresti & Min 2005 (Statistics in Medicine 24:729-740): half a pair is added to each cell of the 2x2
    table, and what overshoots is cut at a loss or gain of everything.
    """
    b, c, total = lost + 0.5, won + 0.5, n + 2
    middle = (c - b) / total
    half = Z95 * math.sqrt((b + c) - (c - b) ** 2 / total) / total
    return 100 * max(middle - half, -1.0), 100 * min(middle + half, 1.0)


def mean_kl(reference: np.ndarray, candidate: np.ndarray, *, floor: float = FLOOR) -> float:
    """Return the mean Kullback-Leibler divergence of the candidate's probabilities from the reference's, nats.

    Args:
        reference, candidate: float (n, labels).
        floor: smaller probabilities count as this; half a step of int8 where a 0 only means "less than that".
    """
    p, q = (np.clip(values, floor, 1) for values in (reference, candidate))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return float((p * np.log(p / q)).sum(axis=1).mean())
