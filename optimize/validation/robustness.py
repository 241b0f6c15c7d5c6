"""Robustness: both models on corrupted images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...edge.common.proportion import Accuracy
from ...edge.common.tables import aligned
from ...train.datasets.corruption import KINDS, SEVERITIES, corrupted
from ...train.datasets.dataset import Dataset
from ...train.evaluation.predictor import Predictor, predict_dataset
from .paired_stats import PairedChange, mean_interval

#: What the images are when nothing is done to them.
CLEAN = "clean"
#: Kind and severity of everything that is measured, in this order.
CONDITIONS = ((CLEAN, 0), *((kind, severity) for kind in KINDS for severity in SEVERITIES))


@dataclass(frozen=True)
class Condition:
    """Both models on one kind of images.

    Args:
        kind: of corruption, or :data:`CLEAN`.
        severity: 1 to 5; 0 for clean images.
        reference, candidate: top-1 accuracy.
        change: of the accuracy, paired.
        agreement: fraction with the same label from both.
    """

    kind: str
    severity: int
    reference: Accuracy
    candidate: Accuracy
    change: PairedChange
    agreement: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "reference": self.reference.to_dict(),
            "candidate": self.candidate.to_dict(),
            **asdict(self.change),
            "difference": self.change.difference,
            "worst_loss": self.change.worst_loss,
            "agreement": self.agreement,
        }


@dataclass(frozen=True)
class Robustness:
    """Both models on clean images and under every corruption.

    Args:
        conditions: clean first, then kind by kind.
        interval: 95 % interval of :attr:`difference`, points. The images are the units, each with all that was done
            to it: an image that is hard when dark is hard when blurred.
    """

    conditions: tuple[Condition, ...]
    interval: tuple[float, float]

    @property
    def clean(self) -> Condition:
        """The images as they are."""
        return self.conditions[0]

    def of(self, kind: str) -> tuple[Condition, ...]:
        """Return the conditions of one kind of corruption, by severity."""
        return tuple(item for item in self.conditions if item.kind == kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of corruption, :data:`CLEAN` first."""
        return tuple(dict.fromkeys(item.kind for item in self.conditions))

    def means(self, kind: str) -> tuple[float, float]:
        """Return the accuracies of (reference, candidate) under one kind, mean over its severities."""
        both = [(item.reference.value, item.candidate.value) for item in self.of(kind)]
        first, second = np.mean(both, axis=0)
        return float(first), float(second)

    @property
    def difference(self) -> float:
        """Mean over all corruptions of candidate minus reference, points."""
        return float(np.mean([item.change.difference for item in self.conditions[1:]]))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        corrupt = self.conditions[1:]
        return {
            "n": self.clean.change.n,
            "mean_reference": float(np.mean([item.reference.value for item in corrupt])),
            "mean_candidate": float(np.mean([item.candidate.value for item in corrupt])),
            "mean_difference": self.difference,
            "mean_difference_ci95": list(self.interval),
            "conditions": [item.to_dict() for item in self.conditions],
        }

    def rows(self) -> list[list[str]]:
        """Return a row for each condition, for a table."""
        rows = [["corruption", "severity", "reference", "candidate", "points", "ci_low", "ci_high", "agreement"]]
        for item in self.conditions:
            change = item.change
            shares = f"{item.reference.value:.4f}", f"{item.candidate.value:.4f}"
            points = (f"{value:.2f}" for value in (change.difference, *change.score))
            rows.append([item.kind, str(item.severity), *shares, *points, f"{item.agreement:.4f}"])
        return rows

    def table(self) -> str:
        """Return a table with a row for each kind of corruption."""
        rows = [["corruption", "reference", "candidate", "points", "at severity 5", "points", "lowest agreement"]]
        for kind in self.kinds:
            items, means = self.of(kind), self.means(kind)
            points = np.mean([item.change.difference for item in items])
            worst = items[-1]
            shares = f"{worst.reference.value:.1%} {worst.candidate.value:.1%}", f"{worst.change.difference:+.2f}"
            last = shares if items[0].severity else ("", "")
            agreement = min(item.agreement for item in items)
            rows.append([kind, *(f"{mean:.1%}" for mean in means), f"{points:+.2f}", *last, f"{agreement:.1%}"])
        spread = "[{:+.2f}, {:+.2f}]".format(*self.interval)
        return "\n".join(
            (
                aligned(rows),
                "",
                f"mean difference over {len(self.conditions) - 1} corruptions {self.difference:+.2f} points, "
                f"95 % CI {spread}, n = {self.clean.change.n:,}; clean {self.clean.change.difference:+.2f}",
            )
        )


def measure_robustness(
    reference: Predictor, candidate: Predictor, dataset: Dataset, *, progress: Callable[[Condition], None]
) -> Robustness:
    """Measure both models under every corruption.

    Args:
        reference, candidate: with the same labels.
        dataset: the images.
        progress: called with each condition when it is measured.
    """
    conditions, changes = [], np.zeros(len(dataset))
    for kind, severity in CONDITIONS:
        images = corrupted(dataset, kind, severity) if severity else dataset
        targets, before = predict_dataset(reference, images)
        _, after = predict_dataset(candidate, images)
        first, second = (values.argmax(axis=1) for values in (before, after))
        found = Condition(
            kind=kind,
            severity=severity,
            reference=Accuracy.of(targets, before),
            candidate=Accuracy.of(targets, after),
            change=PairedChange.of(first == targets, second == targets),
            agreement=float((first == second).mean()),
        )
        if severity:
            changes += (second == targets).astype(float) - (first == targets)
        conditions.append(found)
        progress(found)
    return Robustness(tuple(conditions), mean_interval(changes / (len(conditions) - 1)))
