"""Accuracy with its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeemo.edge.common.proportion import Accuracy


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_equals_newcombe_1998_table_1_method_3(correct: int, n: int, low: float, high: float) -> None:
    assert Accuracy(correct, n).interval == pytest.approx((low, high), abs=5e-5)


def test_interval_of_all_right_ends_at_one() -> None:
    assert Accuracy(20, 20).interval[1] == 1.0


def test_nothing_measured_is_nan_between_zero_and_one() -> None:
    nothing = Accuracy(0, 0)
    assert math.isnan(nothing.value)
    assert nothing.interval == (0.0, 1.0)


def test_of_counts_the_most_probable_label() -> None:
    probabilities = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    assert Accuracy.of(np.array([0, 1, 1]), probabilities) == Accuracy(2, 3)


def test_to_dict_has_figure_count_and_bounds() -> None:
    figure = Accuracy(81, 263).to_dict()
    assert set(figure) == {"accuracy", "correct", "n", "ci95"}


def test_text_has_figure_bounds_and_count() -> None:
    assert str(Accuracy(81, 263)) == "30.80% [25.53%, 36.62%], n = 263"
