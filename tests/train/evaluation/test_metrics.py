"""Metrics against figures that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.train.evaluation.metrics import Evaluation, evaluate

#: rows true, columns predicted; class c is never there and once predicted.
CONFUSION = np.array([[3, 1, 0], [2, 4, 1], [0, 0, 0]])


@pytest.fixture
def result() -> Evaluation:
    pairs = [(t, p) for t, p in np.ndindex(3, 3) for _ in range(CONFUSION[t, p])]
    targets, predicted = np.array(pairs).T
    return evaluate(targets, np.eye(3)[predicted] * 0.8 + 0.1, ("a", "b", "c"))


def test_confusion_has_the_true_classes_in_rows(result: Evaluation) -> None:
    assert np.array_equal(result.confusion, CONFUSION)


def test_accuracy_counts_the_diagonal(result: Evaluation) -> None:
    assert (result.accuracy.correct, result.accuracy.n) == (7, 11)


@pytest.mark.parametrize(
    ("name", "precision", "recall", "f1", "support"),
    [
        ("a", 3 / 5, 3 / 4, 2 / 3, 4),
        ("b", 4 / 5, 4 / 7, 2 / 3, 7),
        ("c", 0, 0, 0, 0),
        ("macro avg", 7 / 15, 37 / 84, 4 / 9, 11),
        ("weighted avg", 8 / 11, 7 / 11, 2 / 3, 11),
    ],
)
def test_report(result: Evaluation, name: str, precision: float, recall: float, f1: float, support: int) -> None:
    expected = {"precision": precision, "recall": recall, "f1-score": f1, "support": support}
    assert result.report[name] == pytest.approx(expected)


def test_macro_f1(result: Evaluation) -> None:
    assert result.macro_f1 == pytest.approx(4 / 9)


@pytest.mark.parametrize("targets", [[0, 1, 2], [0, 0, 0]])
def test_the_report_has_the_same_rows_whatever_classes_there_are(targets: list[int]) -> None:
    report = evaluate(np.array(targets), np.eye(3), ("a", "b", "c")).report
    assert list(report) == ["a", "b", "c", "macro avg", "weighted avg"]


def test_table_has_a_row_for_every_class_and_average(result: Evaluation) -> None:
    lines = [line.split() for line in result.table().splitlines()]
    assert lines[0] == ["class", "precision", "recall", "F1", "n"]
    assert lines[3] == ["b", "0.800", "0.571", "0.667", "7"]
    assert lines[5] == ["macro", "avg", "0.467", "0.440", "0.444", "11"]


def test_json_has_everything(result: Evaluation) -> None:
    figures = result.to_dict()
    assert set(figures) == {"accuracy", "correct", "n", "ci95", "report", "recall_ci95", "absent", "confusion"}
    assert figures["confusion"] == CONFUSION.tolist()


def test_recalls_have_their_n_and_a_class_that_is_not_there_has_none(result: Evaluation) -> None:
    assert {name: (recall.correct, recall.n) for name, recall in result.recalls.items()} == {
        "a": (3, 4),
        "b": (4, 7),
        "c": (0, 0),
    }
    assert result.absent == ("c",)
    assert result.to_dict()["recall_ci95"]["c"] is None
