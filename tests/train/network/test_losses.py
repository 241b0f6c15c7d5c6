"""Focal loss and cross-entropy against their formulas, and the accuracy that training shows."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.train.backend import tf
from edgeemo.train.config.sections import Loss
from edgeemo.train.network.losses import accuracy, classification_loss, kl_divergence, soften

TARGETS = np.eye(3, dtype=np.float32)
FOUND = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.5, 0.4, 0.1]], np.float32)
YES, SAID = np.array([[1], [0], [1]], np.float32), np.array([[0.9], [0.2], [0.3]], np.float32)


def smoothed(targets: np.ndarray, amount: float, classes: int) -> np.ndarray:
    return targets * (1 - amount) + amount / classes


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_loss_of_many_classes(gamma: float, smoothing: float) -> None:
    loss = classification_loss(Loss(smoothing, focal_gamma=gamma), "multiclass")
    targets = smoothed(TARGETS, smoothing, 3)
    expected = -(targets * (1 - FOUND) ** gamma * np.log(FOUND)).sum(axis=1)
    assert float(loss(TARGETS, FOUND)) == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_loss_of_one_sigmoid(gamma: float, smoothing: float) -> None:
    loss = classification_loss(Loss(smoothing, focal_gamma=gamma), "binary")
    yes = smoothed(YES, smoothing, 2)
    right = yes * SAID + (1 - yes) * (1 - SAID)
    expected = -((1 - right) ** gamma) * (yes * np.log(SAID) + (1 - yes) * np.log(1 - SAID))
    assert float(loss(YES, SAID)) == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.parametrize(("task", "targets", "found"), [("multiclass", TARGETS, FOUND), ("binary", YES, SAID)])
def test_class_weights_weigh_the_focal_loss(task: str, targets: np.ndarray, found: np.ndarray) -> None:
    loss = classification_loss(Loss(focal_gamma=2.0), task)
    each = [float(loss(targets[i : i + 1], found[i : i + 1])) for i in range(3)]
    weighted = float(loss(targets, found, sample_weight=np.array([0, 1, 5], np.float32)))
    assert weighted == pytest.approx((each[1] + 5 * each[2]) / 3, rel=1e-5)


def test_focal_loss_turns_to_what_is_hard() -> None:
    plain, focal = (classification_loss(Loss(focal_gamma=gamma), "multiclass") for gamma in (0.0, 2.0))
    ratio = [
        float(focal(TARGETS[i : i + 1], FOUND[i : i + 1]) / plain(TARGETS[i : i + 1], FOUND[i : i + 1])) for i in (0, 2)
    ]
    assert ratio == pytest.approx([0.09, 0.81], rel=1e-4)


@pytest.mark.parametrize(
    ("task", "targets", "found", "expected"),
    [
        ("multiclass", TARGETS, FOUND, 2 / 3),
        ("multiclass", [[0.6, 0.4, 0.0]], [[0.5, 0.3, 0.2]], 1),
        ("binary", YES, SAID, 2 / 3),
        # Mixed and soft targets: Keras's own binary accuracy would say 0.
        ("binary", [[0.8], [0.3], [0.6]], [[0.6], [0.1], [0.4]], 2 / 3),
    ],
)
def test_accuracy(task: str, targets: object, found: object, expected: float) -> None:
    metric = accuracy(task)
    metric.update_state(np.array(targets, np.float32), np.array(found, np.float32))
    assert metric.name == "accuracy"
    assert float(metric.result()) == pytest.approx(expected)


def test_softening_divides_logits() -> None:
    logits = np.array([[2.0, 1.0, -1.0]], np.float32)
    found = soften(tf.nn.softmax(logits), 2.0)
    assert np.asarray(found) == pytest.approx(np.asarray(tf.nn.softmax(logits / 2)), abs=1e-6)
    one = soften(tf.sigmoid(logits[:, :1]), 4.0)
    assert np.asarray(one)[0, 1] == pytest.approx(float(tf.sigmoid(0.5)), abs=1e-6)


def test_the_divergence_of_rows() -> None:
    reference, candidate = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.25, 0.75], [0.9, 0.1]])
    expected = [0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0.0]
    assert np.asarray(kl_divergence(reference, candidate)) == pytest.approx(expected, abs=1e-6)
