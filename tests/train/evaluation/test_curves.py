"""ROC-AUC and average precision against cases worked out by hand."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.evaluation.curves import rank

from ...conftest import raises

ABC = ("a", "b", "c")


def of_two(scores: list[float]) -> np.ndarray:
    """Probabilities of two classes by those of the second."""
    return np.array([[1 - score, score] for score in scores])


@pytest.mark.parametrize(
    ("targets", "scores", "area", "average"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0, 1.0),
        # Of four pairs (0.35 > 0.1, 0.35 < 0.4, 0.8 > both) three are right; precision 1 at recall 1/2, then 2/3.
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 3 / 4, 1 / 2 * 1 + 1 / 2 * 2 / 3),
        # All equal: every pair is a tie that counts half; the one threshold has precision 1/4.
        ([0, 0, 0, 1], [0.5] * 4, 1 / 2, 1 / 4),
        # Wrong throughout: positives stand third and fourth.
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], 0.0, 1 / 2 * 1 / 3 + 1 / 2 * 2 / 4),
    ],
)
def test_two_classes_by_hand(targets: list[int], scores: list[float], area: float, average: float) -> None:
    ranking = rank(np.array(targets), of_two(scores), ("no", "yes"))
    assert list(ranking.roc) == ["yes"]
    assert ranking.macro_auc == pytest.approx(area)
    assert ranking.precision_recall is not None
    assert ranking.precision_recall.area == pytest.approx(average)
    assert ranking.precision_recall.share == pytest.approx(np.mean(targets))


def test_three_classes_by_hand() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.4, 0.2, 0.4], [0.2, 0.1, 0.7]])
    ranking = rank(np.array([0, 0, 1, 2]), probabilities, ABC)
    # a: 0.6 and 0.3 against 0.4 and 0.2; b: 0.2 against 0.3, 0.5, 0.1; c: 0.7 above all.
    assert {name: curve.area for name, curve in ranking.roc.items()} == pytest.approx({"a": 3 / 4, "b": 1 / 3, "c": 1})
    assert ranking.macro_auc == pytest.approx((3 / 4 + 1 / 3 + 1) / 3)
    assert ranking.precision_recall is None


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(3)
    # Steps of 1/8 give many ties, and rows that do not sum to 1, as int8 models have.
    probabilities, targets = rng.integers(0, 9, (60, 3)) / 8, rng.integers(0, 3, 60)
    ranking = rank(targets, probabilities, ABC)
    for index, name in enumerate(ABC):
        pairs = itertools.product(probabilities[targets == index, index], probabilities[targets != index, index])
        wins = [1.0 if one > other else 0.5 if one == other else 0.0 for one, other in pairs]
        assert ranking.roc[name].area == pytest.approx(np.mean(wins))


@pytest.mark.parametrize(
    ("labels", "targets", "undefined", "said"),
    [
        (ABC, [0, 0, 1, 1], {"c": "no images"}, "macro over a, b; undefined for c (no images)"),
        (
            ABC,
            [1, 1, 1, 1],
            {"a": "no images", "b": "no images of another class", "c": "no images"},
            "ROC-AUC undefined for a, c (no images) and b (no images of another class)",
        ),
        (("no", "yes"), [0, 0, 0, 0], {"yes": "no images"}, "ROC-AUC undefined for yes (no images)"),
        (("no", "yes"), [1, 1, 1, 1], {"yes": "no images of another class"}, "ROC-AUC undefined for yes"),
    ],
)
def test_what_is_absent_is_named(
    labels: tuple[str, ...], targets: list[int], undefined: dict[str, str], said: str
) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(labels)), 4)
    ranking = rank(np.array(targets), probabilities, labels)
    assert ranking.undefined == undefined
    assert said in str(ranking)


def test_the_macro_is_over_the_classes_that_are_there() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.4, 0.2, 0.4], [0.2, 0.1, 0.7]])
    ranking = rank(np.array([0, 0, 1, 1]), probabilities, ABC)
    # b: 0.2 and 0.1 against 0.3 and 0.5.
    assert ranking.to_dict() == {
        "roc_auc": {
            "per_class": {"a": 0.75, "b": 0.0, "c": None},
            "macro": 0.375,
            "macro_over": ["a", "b"],
            "undefined": {"c": "no images"},
        }
    }
    assert ranking.summary == "0.375 (one-vs-rest, macro over 2 of 3 classes)"


@pytest.mark.parametrize(("targets", "value"), [([0, 1], 1.0), ([0, 0], None)])
def test_json_of_two_classes_has_null_where_nothing_is_defined(targets: list[int], value: float | None) -> None:
    figures = rank(np.array(targets), of_two([0.2, 0.7]), ("no", "yes")).to_dict()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert (figures["roc_auc"]["positive"], figures["roc_auc"]["value"]) == ("yes", value)
    assert figures["average_precision"]["value"] == value


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with raises(EdgeemoError, problem="not numbers$", expected="^finite values", got="^NaN or infinity for 1 of 2"):
        rank(np.array([0, 1]), np.array([[0.5, 0.5], [value, 0.5]]), ("no", "yes"))
