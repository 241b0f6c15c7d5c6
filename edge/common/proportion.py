"""A proportion that always comes with its sample size and confidence interval."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: Two-sided 95 % quantile of the standard normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Accuracy:
    """Top-1 accuracy with Wilson's 95 % score interval (Wilson 1927, JASA 22:209-212).

    Args:
        correct: images whose predicted label is right.
        n: images.
    """

    correct: int
    n: int

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray) -> Accuracy:
        """Count the images whose most probable label is right.

        Args:
            labels: int (n,).
            probabilities: float (n, classes).
        """
        return cls(int((probabilities.argmax(axis=1) == labels).sum()), len(labels))

    @property
    def value(self) -> float:
        """The fraction that is right; NaN for n = 0."""
        return self.correct / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper 95 % bound."""
        if not self.n:
            return 0.0, 1.0
        p, n, z2 = self.value, self.n, Z95 * Z95
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_dict(self) -> dict[str, Any]:
        """Return value, n, number correct and both bounds, for JSON."""
        low, high = self.interval
        return {**asdict(self), "accuracy": self.value, "ci95": [low, high]}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.2%} [{low:.2%}, {high:.2%}], n = {self.n:,}"
