"""Expected calibration error against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.train.evaluation.calibration_error import expected_calibration_error, reliability


def two_classes(confidence: list[float]) -> np.ndarray:
    """Probabilities that favor class 0 with these confidences."""
    return np.array([[value, 1 - value] for value in confidence])


@pytest.mark.parametrize(
    ("confidence", "targets", "error"),
    [
        ([1.0] * 4, [0] * 4, 0.0),
        ([1.0] * 4, [1] * 4, 1.0),
        ([0.75] * 4, [0, 0, 0, 1], 0.0),
        ([0.75] * 4, [0, 0, 1, 1], 0.25),
        # Two bins: 0.9 is right always (gap 0.1), 0.6 never (gap 0.6), three images to one.
        ([0.9, 0.9, 0.9, 0.6], [0, 0, 0, 1], 0.75 * 0.1 + 0.25 * 0.6),
        # One bin: the gaps of 0.92 and 0.96 weigh against each other.
        ([0.94, 0.96], [0, 1], 0.45),
    ],
)
def test_by_hand(confidence: list[float], targets: list[int], error: float) -> None:
    assert expected_calibration_error(np.array(targets), two_classes(confidence)) == pytest.approx(error)


@pytest.mark.parametrize(("bins", "error"), [(1, 0.125), (10, 0.325)])
def test_bins_keep_opposite_gaps_apart(bins: int, error: float) -> None:
    # 0.55 is right in 3 of 4, 0.95 in 2 of 4; halves of the images: gaps of 0.2 and 0.45.
    probabilities, targets = two_classes([0.55] * 4 + [0.95] * 4), np.array([0, 0, 0, 1, 0, 0, 1, 1])
    assert expected_calibration_error(targets, probabilities, bins=bins) == pytest.approx(error)


def test_a_bin_has_its_upper_edge() -> None:
    # Both confidences lie in (0, 0.5]: one right, one wrong, a gap of 0.05 together.
    probabilities = np.array([[0.5, 0.25, 0.25], [0.4, 0.3, 0.3]])
    assert expected_calibration_error(np.array([0, 1]), probabilities, bins=2) == pytest.approx(0.05)


def test_a_perfectly_calibrated_model_has_next_to_none() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 200_000)
    targets = (rng.random(200_000) > confidence).astype(int)
    assert expected_calibration_error(targets, two_classes(list(confidence))) < 0.01


def test_bins_have_their_n_and_interval() -> None:
    result = reliability(np.array([0, 0, 0, 1]), two_classes([0.9, 0.9, 0.9, 0.6]), bins=10)
    assert len(result.bins) == 10
    figures = result.to_dict()
    assert [(row["correct"], row["n"]) for row in figures["reliability"]] == [(0, 1), (3, 3)]
    assert [row["confidence"] for row in figures["reliability"]] == pytest.approx([0.6, 0.9])
    assert figures["reliability"][1]["ci95"] == pytest.approx([0.4385, 1.0], abs=1e-4)


@pytest.mark.parametrize(
    ("targets", "overconfidence"), [([0, 0, 0, 0], -0.25), ([0, 0, 0, 1], 0.0), ([1, 1, 1, 1], 0.75)]
)
def test_overconfidence_has_a_sign(targets: list[int], overconfidence: float) -> None:
    assert reliability(np.array(targets), two_classes([0.75] * 4)).overconfidence == pytest.approx(overconfidence)
