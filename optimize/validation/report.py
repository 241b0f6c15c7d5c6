"""Paired change of accuracy between two models on one data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.common.proportion import Accuracy
from ...edge.common.tables import aligned
from ...train.evaluation.calibration_error import expected_calibration_error
from ...train.evaluation.metrics import evaluate
from .paired_stats import PairedChange, least_provable, mcnemar, mean_kl


@dataclass(frozen=True)
class ClassChange:
    """Change of the recall of one class.

    Args:
        reference, candidate: recall with n and interval.
        change: of the recall, paired.
    """

    reference: Accuracy
    candidate: Accuracy
    change: PairedChange

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "reference": self.reference.to_dict(),
            "candidate": self.candidate.to_dict(),
            **asdict(self.change),
            "difference": self.change.difference,
            "worst_loss": self.change.worst_loss,
            "least_provable": least_provable(self.change.n),
        }


@dataclass(frozen=True)
class AccuracyChange:
    """Paired change of accuracy. Differences are candidate minus reference, in percentage points; a loss is negative.

    Args:
        reference, candidate: top-1 accuracy with interval.
        change: of the accuracy, paired.
        macro_f1: of (reference, candidate).
        mcnemar_p: two-sided exact p of McNemar's test.
        agreement: fraction with the same label from both.
        classes: change of recall by class; classes without images are left out.
        mean_kl: mean Kullback-Leibler divergence of the candidate's probabilities from the reference's, nats.
        max_difference: largest difference of any probability.
        calibration_error: expected calibration error (15 bins) of (reference, candidate).
    """

    reference: Accuracy
    candidate: Accuracy
    change: PairedChange
    macro_f1: tuple[float, float]
    mcnemar_p: float
    agreement: float
    classes: dict[str, ClassChange]
    mean_kl: float
    max_difference: float
    calibration_error: tuple[float, float]

    @property
    def n(self) -> int:
        """Number of images."""
        return self.change.n

    @property
    def lost(self) -> int:
        """Images that only the reference had right."""
        return self.change.lost

    @property
    def won(self) -> int:
        """Images that only the candidate had right."""
        return self.change.won

    @property
    def difference(self) -> float:
        """Difference of the accuracies, points."""
        return self.change.difference

    @property
    def bootstrap(self) -> tuple[float, float]:
        """95 % interval of the difference, images resampled in pairs."""
        return self.change.bootstrap

    @property
    def score(self) -> tuple[float, float]:
        """95 % interval of the difference by Agresti & Min."""
        return self.change.score

    @property
    def recall_change(self) -> dict[str, float]:
        """Change of recall by class, points; classes without images are left out."""
        return {name: item.change.difference for name, item in self.classes.items()}

    @property
    def worst_loss(self) -> float:
        """Upper 95 % bound of the loss in points: the larger one of both intervals."""
        return self.change.worst_loss

    def passes(self, max_drop: float) -> bool:
        """Return whether the loss is within ``max_drop`` percentage points at the upper bound."""
        return self.worst_loss <= max_drop

    def failed_classes(self, max_class_drop: float) -> dict[str, PairedChange]:
        """Return the classes whose recall is not proven to have lost at most ``max_class_drop`` percentage points.

        Each class is held to its own upper 95 % bound. All must pass, so that testing many at once makes a wrong
        pass no likelier (intersection-union test, Berger 1982, Technometrics 24:295-300) and nothing is corrected for.
        """
        return {name: item.change for name, item in self.classes.items() if item.change.worst_loss > max_class_drop}

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "n": self.n,
            "reference": self.reference.to_dict(),
            "candidate": self.candidate.to_dict(),
            "macro_f1": list(self.macro_f1),
            "difference": self.difference,
            "bootstrap": list(self.bootstrap),
            "score": list(self.score),
            "worst_loss": self.worst_loss,
            "lost": self.lost,
            "won": self.won,
            "mcnemar_p": self.mcnemar_p,
            "agreement": self.agreement,
            "recall_change": self.recall_change,
            "classes": {name: item.to_dict() for name, item in self.classes.items()},
            "mean_kl": self.mean_kl,
            "max_difference": self.max_difference,
            "calibration_error": list(self.calibration_error),
        }

    def table(self) -> str:
        """Return a table."""
        rows = [
            ["", "reference", "candidate", "difference"],
            ["accuracy", _share(self.reference), _share(self.candidate), f"{self.difference:+.2f} points"],
            ["macro F1", *(f"{v:.3f}" for v in self.macro_f1), f"{self.macro_f1[1] - self.macro_f1[0]:+.3f}"],
            [
                "calibration error",
                *(f"{v:.3f}" for v in self.calibration_error),
                f"{self.calibration_error[1] - self.calibration_error[0]:+.3f}",
            ],
        ]
        recalls = [["recall", "n", "reference", "candidate", "points", "lost", "won", "loss at most"]]
        for name, item in self.classes.items():
            change = item.change
            counts = f"{change.difference:+.1f}", str(change.lost), str(change.won), f"{change.worst_loss:.1f}"
            values = f"{change.n:,}", f"{item.reference.value:.1%}", f"{item.candidate.value:.1%}"
            recalls.append([name, *values, *counts])
        spread = "[{:+.2f}, {:+.2f}]".format(*self.bootstrap)
        return "\n".join(
            (
                aligned(rows),
                "",
                aligned(recalls),
                "",
                f"difference {self.difference:+.2f} points, 95 % CI {spread} (paired bootstrap), n = {self.n:,}",
                f"agreement {self.agreement:.2%}; {self.lost} images lost, {self.won} won, "
                f"McNemar exact p = {self.mcnemar_p:.3g}",
                f"mean KL divergence {self.mean_kl:.4f} nats, largest probability difference {self.max_difference:.3f}",
            )
        )


def compare_accuracy(
    targets: np.ndarray, reference: np.ndarray, candidate: np.ndarray, labels: tuple[str, ...]
) -> AccuracyChange:
    """Compare two models image by image.

    Args:
        targets: int (n,).
        reference, candidate: float (n, classes) probabilities for the same images.
        labels: class names.

    Raises:
        ModelError: no images, or different numbers of them.
    """
    if not len(targets) or reference.shape != candidate.shape or len(reference) != len(targets):
        raise ModelError(
            "the two models cannot be paired",
            expected="probabilities of both for the same images",
            got=f"{len(targets)} labels, shapes {reference.shape} and {candidate.shape}",
        )
    before, after = reference.argmax(axis=1) == targets, candidate.argmax(axis=1) == targets
    one, two = (evaluate(targets, values, labels) for values in (reference, candidate))
    change = PairedChange.of(before, after)
    classes = {
        name: ClassChange(one.recalls[name], two.recalls[name], PairedChange.of(before[here], after[here]))
        for name, here in ((name, targets == place) for place, name in enumerate(labels))
        if here.any()
    }
    return AccuracyChange(
        reference=one.accuracy,
        candidate=two.accuracy,
        change=change,
        macro_f1=(one.macro_f1, two.macro_f1),
        mcnemar_p=mcnemar(change.lost, change.won),
        agreement=float((reference.argmax(axis=1) == candidate.argmax(axis=1)).mean()),
        classes=classes,
        mean_kl=mean_kl(reference, candidate),
        max_difference=float(np.abs(reference - candidate).max()),
        calibration_error=(
            expected_calibration_error(targets, reference),
            expected_calibration_error(targets, candidate),
        ),
    )


def _share(accuracy: Accuracy) -> str:
    low, high = accuracy.interval
    return f"{accuracy.value:.2%} [{100 * low:.2f}, {100 * high:.2f}]"
