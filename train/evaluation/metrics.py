"""Classification metrics with their sample size: scikit-learn's, in one frozen result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.common.proportion import Accuracy
from ...edge.common.tables import aligned


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and errors of a model on a data set.

    Args:
        labels: class names.
        accuracy: top-1 with n and interval.
        confusion: int64 (classes, classes); rows are the true classes.
        report: per class, ``macro avg`` and ``weighted avg``: precision, recall, f1-score, support.
    """

    labels: tuple[str, ...]
    accuracy: Accuracy
    confusion: np.ndarray
    report: dict[str, dict[str, float]]

    @property
    def macro_f1(self) -> float:
        """Unweighted mean of the classes' F1."""
        return self.report["macro avg"]["f1-score"]

    @property
    def recalls(self) -> dict[str, Accuracy]:
        """Class -> share of its images that are right, with n and interval."""
        counts = zip(self.labels, self.confusion.diagonal(), self.confusion.sum(axis=1), strict=True)
        return {name: Accuracy(int(right), int(n)) for name, right, n in counts}

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without images; they count as 0 in the macro averages."""
        return tuple(name for name, recall in self.recalls.items() if not recall.n)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict for JSON."""
        intervals = {name: list(recall.interval) if recall.n else None for name, recall in self.recalls.items()}
        return {
            **self.accuracy.to_dict(),
            "report": self.report,
            "recall_ci95": intervals,
            "absent": list(self.absent),
            "confusion": self.confusion.tolist(),
        }

    def table(self) -> str:
        """Return a table of per-class precision, recall and F1 with their averages."""
        rows = [["class", "precision", "recall", "F1", "n"]]
        for name in (*self.labels, "macro avg", "weighted avg"):
            row = self.report[name]
            values = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1-score"))
            rows.append([name, *values, f"{int(row['support']):,}"])
        return aligned(rows)


def evaluate(targets: np.ndarray, probabilities: np.ndarray, labels: tuple[str, ...]) -> Evaluation:
    """Compute accuracy, confusion matrix and per-class figures.

    Args:
        targets: int (n,).
        probabilities: float (n, classes).
        labels: class names.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    classes = range(len(labels))
    predicted = probabilities.argmax(axis=1)
    report = classification_report(
        targets, predicted, labels=classes, target_names=labels, output_dict=True, zero_division=0.0
    )
    # With every class present scikit-learn puts the accuracy here, otherwise a micro average; ours stands beside it.
    kept = {name: {key: float(value) for key, value in report[name].items()} for name in report if name in labels}
    kept |= {name: {k: float(v) for k, v in report[name].items()} for name in ("macro avg", "weighted avg")}
    return Evaluation(
        labels, Accuracy.of(targets, probabilities), confusion_matrix(targets, predicted, labels=classes), kept
    )
