"""Mistakes of a model, the most confident first: where labels are doubtful and classes are blurred."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..datasets.dataset import Dataset

#: A page's worth: six columns, four rows.
SHOWN = 24


@dataclass(frozen=True)
class Mistake:
    """One image with a wrong answer.

    Args:
        index: position in the data set.
        key: where the image stands in the source.
        truth: its label.
        predicted: the model's.
        probability: of the predicted label.
        truth_probability: of the true label.
    """

    index: int
    key: str
    truth: str
    predicted: str
    probability: float
    truth_probability: float

    def to_dict(self) -> dict[str, Any]:
        """Return the mistake as a dict for JSON."""
        return asdict(self)


def most_confident(
    dataset: Dataset, probabilities: np.ndarray, labels: tuple[str, ...], *, limit: int = SHOWN
) -> tuple[Mistake, ...]:
    """Return the mistakes of the highest probability.

    Int8 models give many equal probabilities; among those the true label's is the smaller the earlier, then the
    order of the data set decides.

    Args:
        dataset: what was asked; it may number its labels in its own order.
        probabilities: float (n, labels).
        labels: the model's.
        limit: at most so many.
    """
    targets = dataset.relabeled(labels).targets
    predicted = probabilities.argmax(axis=1)
    rows = np.arange(len(targets))
    sure, true = probabilities[rows, predicted], probabilities[rows, targets]
    wrong = np.flatnonzero(predicted != targets)
    order = wrong[np.lexsort((wrong, true[wrong], -sure[wrong]))][:limit]
    return tuple(
        Mistake(
            int(index),
            dataset.samples[index].key,
            labels[targets[index]],
            labels[predicted[index]],
            float(sure[index]),
            float(true[index]),
        )
        for index in order
    )
