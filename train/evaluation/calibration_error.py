"""Calibration error: the distance of a model's confidence from its accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.common.proportion import Accuracy

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The images whose confidence lies in (low, high].

    Args:
        low, high: bounds of the confidence.
        accuracy: how many of them are right, with n and interval.
        confidence: mean confidence; NaN without images.
    """

    low: float
    high: float
    accuracy: Accuracy
    confidence: float


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in bins of equal width (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).

    Args:
        bins: from low to high confidence, empty ones too.
    """

    bins: tuple[Bin, ...]

    @property
    def filled(self) -> tuple[Bin, ...]:
        """The bins that have images."""
        return tuple(item for item in self.bins if item.accuracy.n)

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute gap, weighted by the images in a bin; 0 to 1."""
        gaps = sum(abs(item.confidence * item.accuracy.n - item.accuracy.correct) for item in self.filled)
        return float(gaps / sum(item.accuracy.n for item in self.filled))

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy, -1 to 1: above 0 the model promises more than it keeps."""
        gaps = sum(item.confidence * item.accuracy.n - item.accuracy.correct for item in self.filled)
        return float(gaps / sum(item.accuracy.n for item in self.filled))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict for JSON; empty bins are left out."""
        rows = [
            {"low": item.low, "high": item.high, "confidence": item.confidence, **item.accuracy.to_dict()}
            for item in self.filled
        ]
        return {"ece": self.error, "overconfidence": self.overconfidence, "bins": len(self.bins), "reliability": rows}


def reliability(targets: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> Reliability:
    """Sort images by the model's confidence in its answer.

    Args:
        targets: int (n,).
        probabilities: float (n, classes).
        bins: number of bins over (0, 1].
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    rows = []
    for index in range(bins):
        here = place == index
        accuracy = Accuracy(int(right[here].sum()), int(here.sum()))
        mean = float(confidence[here].mean(dtype=np.float64)) if accuracy.n else float("nan")
        rows.append(Bin(float(edges[index]), float(edges[index + 1]), accuracy, mean))
    return Reliability(tuple(rows))


def expected_calibration_error(targets: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> float:
    """Return the calibration error alone; see :class:`Reliability`."""
    return reliability(targets, probabilities, bins=bins).error
