"""The drift report: against published figures, and as a gate that cannot be talked round."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.optimize.validation import (
    AccuracyChange,
    bootstrap_interval,
    compare_accuracy,
    least_provable,
    mcnemar,
    score_interval,
)

from ...conftest import raises

#: Approval of the prime minister in two surveys of the same 1,600 people (Agresti, Categorical Data Analysis):
#: yes-yes, yes-no, no-yes, no-no.
APPROVAL = (794, 150, 86, 570)


def cells(both: int, lost: int, won: int, neither: int) -> np.ndarray:
    """Change per image: -1, 0 or 1."""
    return np.array([-1] * lost + [1] * won + [0] * (both + neither), np.int8)


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    # The examples with which statsmodels tests its own, computed by Vassar College's calculator.
    [(121, 59, 0.000004), (70, 59, 0.378688), (80, 59, 0.089452), (30, 60, 0.002060), (10, 30, 0.002221), (10, 10, 1)],
)
def test_mcnemar_equals_published_examples(lost: int, won: int, p: float) -> None:
    assert mcnemar(lost, won) == pytest.approx(p, abs=1e-6)


#: Complete response to therapy, 59 / 6 / 16 / 80 patients (Cavo et al. 2012), with the figures that chapter 8 of
#: Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables (2017) and its R package give.
CAVO = (59, 16, 6, 80)


def test_the_table_of_cavo_2012() -> None:
    _, lost, won, _ = CAVO
    assert mcnemar(lost, won) == pytest.approx(0.052479, abs=5e-7)
    assert score_interval(lost, won, sum(CAVO)) == pytest.approx((-11.82, -0.45), abs=0.005)


def test_mcnemar_of_airway_reactivity() -> None:
    # 1 / 1 / 7 / 12 children: Fagerland, Lydersen & Laake 2013 (BMC Medical Research Methodology 13:91).
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


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


@pytest.mark.parametrize("counts", [CAVO, (30, 3, 0, 23), (300, 9, 12, 79)])
def test_bootstrap_interval_is_scipy_s(counts: tuple[int, int, int, int]) -> None:
    from scipy import stats

    change = 100.0 * cells(*counts)
    theirs = stats.bootstrap((change,), np.mean, method="percentile", n_resamples=9999, rng=1, batch=500)
    # Both are quantiles of 9,999 draws from one discrete distribution: they may differ by an image or two.
    assert bootstrap_interval(cells(*counts)) == pytest.approx(
        tuple(theirs.confidence_interval), abs=2.01 * 100 / len(change)
    )


def test_bootstrap_is_seeded() -> None:
    change = cells(*(9 * count for count in APPROVAL))
    assert bootstrap_interval(change) == bootstrap_interval(change) != bootstrap_interval(change, seed=1)


def test_exchanging_the_models_mirrors_the_score_interval() -> None:
    low, high = score_interval(30, 10, 500)
    assert score_interval(10, 30, 500) == pytest.approx((-high, -low))


@pytest.mark.parametrize(("lost", "won", "n", "interval"), [(2, 0, 2, (-100, 19.3)), (0, 2, 2, (-19.3, 100))])
def test_score_interval_ends_where_everything_is_lost(
    lost: int, won: int, n: int, interval: tuple[float, float]
) -> None:
    assert score_interval(lost, won, n) == pytest.approx(interval, abs=0.05)


LABELS = ("a", "b", "c")


def predictions(labels: np.ndarray, confidence: float = 0.8) -> np.ndarray:
    """Probabilities with this confidence in these labels."""
    rest = (1 - confidence) / 2
    return np.full((len(labels), 3), rest) + (confidence - rest) * np.eye(3)[labels]


def report(n: int, lost: int = 0, won: int = 0, wrong: int = 0) -> AccuracyChange:
    """Of n images of class a, the reference has ``won + wrong`` wrong, the candidate ``lost + wrong``."""
    targets = np.zeros(n, int)
    reference, candidate = targets.copy(), targets.copy()
    reference[: won + wrong] = 1
    candidate[won : won + wrong + lost] = 1
    return compare_accuracy(targets, predictions(reference), predictions(candidate), LABELS)


def test_counts_and_difference() -> None:
    found = report(200, lost=10, won=4, wrong=20)
    assert (found.n, found.reference.correct, found.candidate.correct) == (200, 176, 170)
    assert (found.lost, found.won, found.difference) == (10, 4, pytest.approx(-3.0))
    assert found.agreement == pytest.approx(186 / 200)
    assert found.recall_change == pytest.approx({"a": -3.0})


def test_the_worst_loss_is_the_larger_bound() -> None:
    found = report(300, lost=9, won=2)
    assert found.worst_loss == -min(found.bootstrap[0], found.score[0]) > -found.difference


@pytest.mark.parametrize(("n", "passes"), [(10, False), (100, False), (250, True), (3589, True)])
def test_equal_predictions_prove_a_bound_with_many_images_alone(n: int, passes: bool) -> None:
    found = report(n)
    assert (found.agreement, found.bootstrap, found.mcnemar_p) == (1.0, (0.0, 0.0), 1.0)
    assert found.worst_loss > 0
    assert found.passes(1.0) is passes


@pytest.mark.parametrize(
    ("lost", "won", "passes"),
    [(0, 0, True), (10, 10, True), (20, 20, True), (30, 5, False), (60, 5, False), (5, 60, True), (1000, 0, False)],
)
def test_the_gate_of_one_point_with_3589_images(lost: int, won: int, passes: bool) -> None:
    assert report(3589, lost, won, wrong=1200).passes(1.0) is passes


def classes(n: tuple[int, int, int], lost: tuple[int, int, int], won: tuple[int, int, int]) -> AccuracyChange:
    """By class: images, of which the candidate alone has some wrong, and some right."""
    targets = np.repeat(np.arange(3), n)
    reference, candidate = targets.copy(), targets.copy()
    for label, start in enumerate(np.cumsum((0, *n))[:3]):
        candidate[start : start + lost[label]] = (label + 1) % 3
        reference[start + lost[label] : start + lost[label] + won[label]] = (label + 1) % 3
    return compare_accuracy(targets, predictions(reference), predictions(candidate), LABELS)


def test_recall_by_class_has_its_counts_and_bound() -> None:
    found = classes((900, 500, 56), (5, 9, 2), (6, 2, 1))
    rare = found.classes["c"]
    assert (rare.reference.correct, rare.candidate.correct, rare.change.n) == (55, 54, 56)
    assert (rare.change.lost, rare.change.won) == (2, 1)
    assert found.recall_change == pytest.approx({"a": 100 / 900, "b": -1.4, "c": -100 / 56})
    assert rare.change.worst_loss >= -score_interval(2, 1, 56)[0] > 8
    assert {name: item["n"] for name, item in found.to_dict()["classes"].items()} == {"a": 900, "b": 500, "c": 56}


def test_a_class_without_images_is_left_out() -> None:
    assert set(classes((9, 0, 9), (0, 0, 0), (0, 0, 0)).classes) == {"a", "c"}


@pytest.mark.parametrize(
    ("lost", "limit", "failed"),
    [
        ((0, 0, 0), 10.0, []),
        ((0, 0, 0), 3.0, ["c"]),
        ((0, 0, 20), 10.0, ["c"]),
        ((80, 0, 20), 10.0, ["a", "c"]),
        ((60, 0, 0), 10.0, []),
    ],
)
def test_every_class_is_held_to_its_own_bound(lost: tuple[int, int, int], limit: float, failed: list[str]) -> None:
    assert list(classes((900, 500, 56), lost, (0, 0, 0)).failed_classes(limit)) == failed


def test_a_class_may_be_lost_while_the_whole_passes() -> None:
    found = classes((3000, 500, 56), (0, 0, 25), (25, 0, 0))
    assert found.passes(1.0)
    assert list(found.failed_classes(10.0)) == ["c"]


@pytest.mark.parametrize(("n", "points"), [(56, 3.38), (607, 0.32), (895, 0.22)])
def test_what_n_images_can_prove_at_all(n: int, points: float) -> None:
    assert least_provable(n) == pytest.approx(points, abs=0.005)


def test_a_loss_within_the_limit_but_unproven_does_not_pass() -> None:
    found = report(400, lost=12, won=10)
    assert -found.difference < 1.0
    assert not found.passes(1.0)


def test_mean_kl_and_largest_difference_by_hand() -> None:
    targets = np.array([0, 1])
    reference = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    candidate = np.array([[0.25, 0.375, 0.375], [0.1, 0.8, 0.1]])
    found = compare_accuracy(targets, reference, candidate, LABELS)
    assert found.mean_kl == pytest.approx(0.5 * math.log(4 / 3) / 2, rel=1e-5)
    assert found.max_difference == pytest.approx(0.25)


def test_a_probability_of_exactly_0_keeps_the_divergence_finite() -> None:
    targets = np.array([0])
    found = compare_accuracy(targets, np.array([[0.9, 0.05, 0.05]]), np.array([[1.0, 0.0, 0.0]]), LABELS)
    assert 0 < found.mean_kl < 2


def test_overconfidence_shows_in_the_calibration_error() -> None:
    targets = np.array([0] * 80 + [1] * 20)
    honest, sure = (predictions(np.zeros(100, int), confidence) for confidence in (0.8, 0.98))
    assert compare_accuracy(targets, honest, sure, LABELS).calibration_error == pytest.approx((0.0, 0.18), abs=1e-9)


@pytest.mark.parametrize(("targets", "reference", "candidate"), [(0, 0, 0), (3, 2, 2), (3, 3, 2), (2, 3, 3)], ids=str)
def test_what_cannot_be_paired_is_refused(targets: int, reference: int, candidate: int) -> None:
    with raises(EdgeemoError, problem="the two models cannot be paired$", expected="^probabilities of both"):
        compare_accuracy(np.zeros(targets, int), np.full((reference, 3), 1 / 3), np.full((candidate, 3), 1 / 3), LABELS)


def test_models_of_other_classes_cannot_be_paired() -> None:
    with raises(EdgeemoError, problem="cannot be paired"):
        compare_accuracy(np.zeros(2, int), np.full((2, 3), 1 / 3), np.full((2, 2), 1 / 2), LABELS)


def test_json_has_all_figures() -> None:
    figures = json.loads(json.dumps(report(50, lost=2).to_dict()))
    assert figures["reference"]["accuracy"] == 1.0
    assert figures["worst_loss"] > 4
    assert {"bootstrap", "score", "mcnemar_p", "agreement", "macro_f1", "mean_kl", "calibration_error"} <= set(figures)
    assert {"lost", "won", "difference", "worst_loss", "least_provable"} <= set(figures["classes"]["a"])


def test_the_table_says_what_decides() -> None:
    text = report(200, lost=10, won=4).table()
    assert "difference -3.00 points, 95 % CI [" in text
    assert "10 images lost, 4 won" in text
    assert "n = 200" in text
