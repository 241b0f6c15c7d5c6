"""The drift report: against published figures, and as a gate that cannot be talked round."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgeemo.edge.errors import EdgeemoError
from edgeemo.optimize.drift import Drift, bootstrap_interval, drift, mcnemar, score_interval

#: Approval of the prime minister in two surveys of the same 1,600 people (Agresti, Categorical Data Analysis):
#: yes-yes, yes-no, no-yes, no-no.
APPROVAL = (794, 150, 86, 570)


def cells(both: int, lost: int, won: int, neither: int) -> np.ndarray:
    """Change per picture: -1, 0 or 1."""
    return np.array([-1] * lost + [1] * won + [0] * (both + neither), np.int8)


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    # The examples with which statsmodels tests its own, computed by Vassar College's calculator.
    [(121, 59, 0.000004), (70, 59, 0.378688), (80, 59, 0.089452), (30, 60, 0.002060), (10, 30, 0.002221), (10, 10, 1)],
)
def test_mcnemar_equals_published_examples(lost: int, won: int, p: float) -> None:
    assert mcnemar(lost, won) == pytest.approx(p, abs=1e-6)


def test_mcnemar_of_the_approval_table_is_the_binomial_tail() -> None:
    _, lost, won, _ = APPROVAL
    tail = sum(math.comb(lost + won, k) for k in range(won + 1))
    assert mcnemar(lost, won) == pytest.approx(2 * tail / 2 ** (lost + won), rel=1e-9)


@pytest.mark.parametrize(("lost", "won", "p"), [(0, 0, 1), (1, 0, 1), (5, 0, 0.0625), (0, 6, 0.03125)])
def test_mcnemar_of_few_changes(lost: int, won: int, p: float) -> None:
    assert mcnemar(lost, won) == pytest.approx(p)


def wald(lost: int, won: int, n: int) -> tuple[float, float]:
    """The textbook interval, points."""
    middle, half = (won - lost) / n, 1.959964 * math.sqrt(lost + won - (won - lost) ** 2 / n) / n
    return 100 * (middle - half), 100 * (middle + half)


def test_score_interval_of_the_approval_table() -> None:
    # Agresti's interval for the fall of 4 points is 2.1 to 5.9 points; half a person per cell moves it by hundredths.
    _, lost, won, _ = APPROVAL
    assert wald(lost, won, 1600) == pytest.approx((-5.9, -2.1), abs=0.05)
    assert score_interval(lost, won, 1600) == pytest.approx(wald(lost, won, 1600), abs=0.02)


@pytest.mark.parametrize("counts", [APPROVAL, (2000, 60, 40, 1489), (3000, 100, 100, 389)])
def test_bootstrap_interval_is_near_the_analytic_one(counts: tuple[int, int, int, int]) -> None:
    _, lost, won, _ = counts
    assert bootstrap_interval(cells(*counts)) == pytest.approx(wald(lost, won, sum(counts)), abs=0.06)


def test_bootstrap_is_seeded() -> None:
    change = cells(*(9 * count for count in APPROVAL))
    assert bootstrap_interval(change) == bootstrap_interval(change) != bootstrap_interval(change, seed=1)


def test_exchanging_the_models_mirrors_the_score_interval() -> None:
    low, high = score_interval(30, 10, 500)
    assert score_interval(10, 30, 500) == pytest.approx((-high, -low))


LABELS = ("a", "b", "c")


def predictions(labels: np.ndarray, confidence: float = 0.8) -> np.ndarray:
    """Probabilities with this confidence in these labels."""
    rest = (1 - confidence) / 2
    return np.full((len(labels), 3), rest) + (confidence - rest) * np.eye(3)[labels]


def report(n: int, lost: int = 0, won: int = 0, wrong: int = 0) -> Drift:
    """Of n pictures of class a, the reference has ``won + wrong`` wrong, the candidate ``lost + wrong``."""
    targets = np.zeros(n, int)
    reference, candidate = targets.copy(), targets.copy()
    reference[: won + wrong] = 1
    candidate[won : won + wrong + lost] = 1
    return drift(targets, predictions(reference), predictions(candidate), LABELS)


def test_counts_and_difference() -> None:
    found = report(200, lost=10, won=4, wrong=20)
    assert (found.n, found.reference.correct, found.candidate.correct) == (200, 176, 170)
    assert (found.lost, found.won, found.difference) == (10, 4, pytest.approx(-3.0))
    assert found.agreement == pytest.approx(186 / 200)
    assert found.recall_change == pytest.approx({"a": -3.0, "b": 0.0, "c": 0.0})


def test_the_worst_loss_is_the_larger_bound() -> None:
    found = report(300, lost=9, won=2)
    assert found.worst_loss == -min(found.bootstrap[0], found.score[0]) > -found.difference


@pytest.mark.parametrize(("n", "passes"), [(10, False), (100, False), (250, True), (3589, True)])
def test_equal_predictions_prove_a_bound_with_many_pictures_alone(n: int, passes: bool) -> None:
    found = report(n)
    assert (found.agreement, found.bootstrap, found.mcnemar_p) == (1.0, (0.0, 0.0), 1.0)
    assert found.worst_loss > 0
    assert found.passes(1.0) is passes


@pytest.mark.parametrize(
    ("lost", "won", "passes"),
    [(0, 0, True), (10, 10, True), (20, 20, True), (30, 5, False), (60, 5, False), (5, 60, True), (1000, 0, False)],
)
def test_the_gate_of_one_point_with_3589_pictures(lost: int, won: int, passes: bool) -> None:
    assert report(3589, lost, won, wrong=1200).passes(1.0) is passes


def test_a_loss_within_the_limit_but_unproven_does_not_pass() -> None:
    found = report(400, lost=12, won=10)
    assert -found.difference < 1.0
    assert not found.passes(1.0)


def test_mean_kl_and_largest_difference_by_hand() -> None:
    targets = np.array([0, 1])
    reference = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    candidate = np.array([[0.25, 0.375, 0.375], [0.1, 0.8, 0.1]])
    found = drift(targets, reference, candidate, LABELS)
    assert found.mean_kl == pytest.approx(0.5 * math.log(4 / 3) / 2, rel=1e-5)
    assert found.max_difference == pytest.approx(0.25)


def test_a_probability_of_exactly_0_keeps_the_divergence_finite() -> None:
    targets = np.array([0])
    found = drift(targets, np.array([[0.9, 0.05, 0.05]]), np.array([[1.0, 0.0, 0.0]]), LABELS)
    assert 0 < found.mean_kl < 2


def test_overconfidence_shows_in_the_calibration_error() -> None:
    targets = np.array([0] * 80 + [1] * 20)
    honest, sure = (predictions(np.zeros(100, int), confidence) for confidence in (0.8, 0.98))
    assert drift(targets, honest, sure, LABELS).calibration_error == pytest.approx((0.0, 0.18), abs=1e-9)


@pytest.mark.parametrize(("targets", "reference", "candidate"), [(0, 0, 0), (3, 2, 2), (3, 3, 2), (2, 3, 3)], ids=str)
def test_what_cannot_be_paired_is_refused(targets: int, reference: int, candidate: int) -> None:
    with pytest.raises(EdgeemoError, match="the two models cannot be paired, expected probabilities of both"):
        drift(np.zeros(targets, int), np.full((reference, 3), 1 / 3), np.full((candidate, 3), 1 / 3), LABELS)


def test_models_of_other_classes_cannot_be_paired() -> None:
    with pytest.raises(EdgeemoError, match="cannot be paired"):
        drift(np.zeros(2, int), np.full((2, 3), 1 / 3), np.full((2, 2), 1 / 2), LABELS)


def test_json_has_all_figures() -> None:
    figures = json.loads(json.dumps(report(50, lost=2).to_dict()))
    assert figures["reference"]["accuracy"] == 1.0
    assert figures["worst_loss"] > 4
    assert {"bootstrap", "score", "mcnemar_p", "agreement", "macro_f1", "mean_kl", "calibration_error"} <= set(figures)


def test_the_table_says_what_decides() -> None:
    text = report(200, lost=10, won=4).table()
    assert "difference -3.00 points, 95 % CI [" in text
    assert "10 pictures lost, 4 won" in text
    assert "n = 200" in text
