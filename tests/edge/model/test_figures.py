"""Cards for people: figures in one line each, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest

from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.model.figures import figure_text
from edgeemo.edge.vision.preprocess import InputSpec

TEST = {"data": "a.zip", "split": "test", "n": 3589, "accuracy": 0.6461, "ci95": [0.6303, 0.6616], "correct": 2319}
DRIFT = {
    "data": "a.zip",
    "split": "test",
    "n": 3589,
    "reference": "net",
    "difference": -0.3065,
    "ci95": [-0.64, 0.028],
    "worst_loss": 0.6514,
    "agreement": 0.9838,
}

HARD = {**DRIFT, "accuracy_by_kind": {"clean": [0.65, 0.6461], "dark": [0.5, 0.49]}}
HARD_TEXT = "clean 64.6%, dark 49.0%; -0.31 points [-0.64, +0.03] from net on a.zip test, n = 3,589"


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (TEST, "64.61% [63.03, 66.16] on a.zip test, n = 3,589"),
        (DRIFT, "-0.31 points [-0.64, +0.03] from net on a.zip test, n = 3,589; loss at most 0.65, agreement 98.4%"),
        (HARD, HARD_TEXT),
        ({**TEST, "ci95": [0.6]}, "data a.zip, split test, n 3589, accuracy 0.6461, ci95 [0.6], correct 2319"),
        (
            {**TEST, "accuracy": "high"},
            "data a.zip, split test, n 3589, accuracy high, ci95 [0.6303, 0.6616], correct 2319",
        ),
        ({"temperature": 1.25}, "temperature 1.25"),
        (0.123456, "0.1235"),
        (["a", 1], "[a, 1]"),
        (None, "None"),
    ],
)
def test_a_figure_is_one_line(figure: Any, text: str) -> None:
    assert figure_text(figure) == text


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ({"recall": {"happy": TEST}}, "happy 64.6% [63.0, 66.2]"),
        ({"recall": {"happy": {"accuracy": 0.5}}}, ""),
        ({"recall": {"happy": {"accuracy": 0.5, "ci95": []}}}, ""),
        (TEST, ""),
        (None, ""),
    ],
)
def test_recalls_are_a_line_where_the_card_has_them(figure: Any, text: str) -> None:
    card = ModelCard("net", ("sad", "happy"), InputSpec(48, 48, "gray", "unit"), metrics={"test": figure})
    assert dict(card.rows())["recall"] == text
