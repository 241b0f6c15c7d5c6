"""Two models, one data set, paired: how much accuracy was lost, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...edge.accuracy import Accuracy
from ...edge.errors import EdgeemoError
from ...edge.table import aligned
from ...train.evaluation.calibration_error import expected_calibration_error
from ...train.evaluation.metrics import evaluate
from .paired import bootstrap_interval, mcnemar, score_interval

_EPSILON = 1e-7  # below the resolution of a softmax; keeps the logarithm finite where int8 gives exactly 0


@dataclass(frozen=True)
class Drift:
    """A drift report. Differences are candidate minus reference, in percentage points; a loss is negative.

    Args:
        n: pictures.
        reference, candidate: top-1 accuracy with interval.
        macro_f1: of (reference, candidate).
        difference: of the accuracies, points.
        bootstrap: 95 % percentile interval of the difference, pictures resampled in pairs (Efron & Tibshirani 1993).
        score: 95 % interval of Agresti & Min 2005 (Statistics in Medicine 24:729), which does not shrink to nothing
            when no picture changed.
        lost, won: pictures that only the reference, only the candidate had right.
        mcnemar_p: two-sided exact p of McNemar's test.
        agreement: fraction with the same label from both.
        recall_change: class -> points.
        mean_kl: mean Kullback-Leibler divergence of the candidate's probabilities from the reference's, nats.
        max_difference: largest difference of any probability.
        calibration_error: expected calibration error (15 bins) of (reference, candidate).
    """

    n: int
    reference: Accuracy
    candidate: Accuracy
    macro_f1: tuple[float, float]
    difference: float
    bootstrap: tuple[float, float]
    score: tuple[float, float]
    lost: int
    won: int
    mcnemar_p: float
    agreement: float
    recall_change: dict[str, float]
    mean_kl: float
    max_difference: float
    calibration_error: tuple[float, float]

    @property
    def worst_loss(self) -> float:
        """Upper 95 % bound of the loss in points: the larger one of both intervals."""
        return -min(self.bootstrap[0], self.score[0])

    def passes(self, max_drop: float) -> bool:
        """Whether the loss is within ``max_drop`` percentage points at the upper bound."""
        return self.worst_loss <= max_drop

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **asdict(self),
            "reference": self.reference.to_dict(),
            "candidate": self.candidate.to_dict(),
            "worst_loss": self.worst_loss,
        }

    def table(self) -> str:
        """For people."""
        rows = [
            ["", "reference", "candidate", "difference"],
            [
                "accuracy",
                f"{self.reference.value:.2%}",
                f"{self.candidate.value:.2%}",
                f"{self.difference:+.2f} points",
            ],
            ["macro F1", *(f"{v:.3f}" for v in self.macro_f1), f"{self.macro_f1[1] - self.macro_f1[0]:+.3f}"],
            [
                "calibration error",
                *(f"{v:.3f}" for v in self.calibration_error),
                f"{self.calibration_error[1] - self.calibration_error[0]:+.3f}",
            ],
            *([f"recall {name}", "", "", f"{change:+.1f} points"] for name, change in self.recall_change.items()),
        ]
        spread = "[{:+.2f}, {:+.2f}]".format(*self.bootstrap)
        return "\n".join(
            (
                aligned(rows),
                "",
                f"difference {self.difference:+.2f} points, 95 % CI {spread} (paired bootstrap), n = {self.n:,}",
                f"agreement {self.agreement:.2%}; {self.lost} pictures lost, {self.won} won, "
                f"McNemar exact p = {self.mcnemar_p:.3g}",
                f"mean KL divergence {self.mean_kl:.4f} nats, largest probability difference {self.max_difference:.3f}",
            )
        )


def drift(targets: np.ndarray, reference: np.ndarray, candidate: np.ndarray, labels: tuple[str, ...]) -> Drift:
    """Compare two models picture by picture.

    Args:
        targets: int (n,).
        reference, candidate: float (n, classes) probabilities for the same pictures.
        labels: class names.

    Raises:
        EdgeemoError: no pictures, or different numbers of them.
    """
    if not len(targets) or reference.shape != candidate.shape or len(reference) != len(targets):
        raise EdgeemoError(
            "the two models cannot be paired",
            expected="probabilities of both for the same pictures",
            got=f"{len(targets)} labels, shapes {reference.shape} and {candidate.shape}",
        )
    right = reference.argmax(axis=1) == targets, candidate.argmax(axis=1) == targets
    lost, won = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    one, two = (evaluate(targets, values, labels) for values in (reference, candidate))
    p, q = (np.clip(values, _EPSILON, 1) for values in (reference, candidate))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    n = len(targets)
    return Drift(
        n=n,
        reference=one.accuracy,
        candidate=two.accuracy,
        macro_f1=(one.macro_f1, two.macro_f1),
        difference=100 * (won - lost) / n,
        bootstrap=bootstrap_interval(right[1].astype(np.int8) - right[0].astype(np.int8)),
        score=score_interval(lost, won, n),
        lost=lost,
        won=won,
        mcnemar_p=mcnemar(lost, won),
        agreement=float((reference.argmax(axis=1) == candidate.argmax(axis=1)).mean()),
        recall_change={name: 100 * (two.report[name]["recall"] - one.report[name]["recall"]) for name in labels},
        mean_kl=float((p * np.log(p / q)).sum(axis=1).mean()),
        max_difference=float(np.abs(reference - candidate).max()),
        calibration_error=(
            expected_calibration_error(targets, reference),
            expected_calibration_error(targets, candidate),
        ),
    )
