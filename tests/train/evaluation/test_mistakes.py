"""The most confident mistakes, the surest first."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.train.datasets.dataset import Dataset, Sample
from edgeemo.train.evaluation.mistakes import most_confident

LABELS = ("a", "b", "c")


def dataset(targets: list[int], labels: tuple[str, ...] = LABELS) -> Dataset:
    samples = tuple(Sample(f"{index}.png", label, "test", str(index)) for index, label in enumerate(targets))
    return Dataset("drawn", labels, samples, [np.full((4, 4), index, np.uint8) for index in range(len(targets))])


PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],  # right
        [0.6, 0.4, 0.0],
        [0.0, 0.8, 0.2],
        [0.8, 0.05, 0.15],
        [0.8, 0.15, 0.05],
        [0.1, 0.2, 0.7],  # right
    ]
)
TARGETS = [0, 1, 2, 1, 1, 2]


@pytest.mark.parametrize(
    ("limit", "positions"),
    # Three at 0.8: the true label has 0.2, 0.05 and 0.15.
    [(24, [3, 4, 2, 1]), (2, [3, 4]), (1, [3])],
)
def test_the_surest_come_first(limit: int, positions: list[int]) -> None:
    found = most_confident(dataset(TARGETS), PROBABILITIES, LABELS, limit=limit)
    assert [mistake.index for mistake in found] == positions


def test_a_mistake_says_what_it_is() -> None:
    (mistake,) = most_confident(dataset(TARGETS), PROBABILITIES, LABELS, limit=1)
    assert mistake.to_dict() == {
        "index": 3,
        "key": "3.png",
        "truth": "b",
        "predicted": "a",
        "probability": 0.8,
        "truth_probability": 0.05,
    }


def test_equal_ones_keep_the_order_of_the_data() -> None:
    found = most_confident(dataset([1, 1, 1]), np.tile([0.75, 0.25, 0.0], (3, 1)), LABELS)
    assert [mistake.key for mistake in found] == ["0.png", "1.png", "2.png"]


def test_none_are_none() -> None:
    assert most_confident(dataset([0, 1, 2]), np.eye(3), LABELS) == ()


def test_labels_are_the_models_in_any_order() -> None:
    # The data set numbers c, a; the model a, b, c.
    found = most_confident(dataset([0, 1], ("c", "a")), np.array([[0.9, 0.0, 0.1], [0.8, 0.0, 0.2]]), LABELS)
    assert [(mistake.index, mistake.truth, mistake.predicted) for mistake in found] == [(0, "c", "a")]
