"""Validation of a candidate model against its reference on one data set."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...edge.common.errors import DataError
from ...train.datasets.dataset import Dataset
from ...train.evaluation.predictor import Predictor, predict_dataset
from .gate import Gate, GateResult
from .report import AccuracyChange, compare_accuracy


@dataclass(frozen=True)
class Validation:
    """Result of a validation.

    Args:
        change: paired change of accuracy.
        gate: result of the gate.
        about: names of the models and the data, for the report.
    """

    change: AccuracyChange
    gate: GateResult
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the gate passed."""
        return self.gate.passed

    def __str__(self) -> str:
        return f"{self.table()}\n\ngate {'passed' if self.passed else 'failed'}: {self.gate.text}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {**self.about, **self.gate.to_dict(), "drift": self.change.to_dict()}

    def table(self) -> str:
        """Return a table."""
        return self.change.table()


def validate(reference: Predictor, candidate: Predictor, dataset: Dataset, gate: Gate) -> Validation:
    """Compare two models image by image, and judge the loss of accuracy.

    Args:
        reference, candidate: models with the same labels.
        dataset: images that neither was trained on.
        gate: loss that is allowed.

    Raises:
        DataError: the models have different labels.
    """
    labels = reference.card.labels
    if labels != candidate.card.labels:
        raise DataError(
            "the two models cannot be compared",
            expected=f"labels {', '.join(labels)} in both",
            got=", ".join(candidate.card.labels),
        )
    targets, expected = predict_dataset(reference, dataset)
    change = compare_accuracy(targets, expected, predict_dataset(candidate, dataset)[1], labels)
    return Validation(change, gate.check(change))
