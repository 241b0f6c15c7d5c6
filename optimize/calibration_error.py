"""How far a model's confidence is from its accuracy."""

from __future__ import annotations

import numpy as np


def expected_calibration_error(targets: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error with bins of equal width (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).

    Args:
        targets: int (n,).
        probabilities: float (n, classes).
        bins: number of bins over (0, 1].

    Returns:
        Mean absolute gap between confidence and accuracy, weighted by the pictures in a bin; 0 to 1.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.digitize(confidence, edges, right=True)
    counts = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, confidence, bins) - np.bincount(place, right, bins))
    return float(gap[counts > 0].sum() / len(targets))
