"""Learning rate, stopping and best epoch as functions of the history."""

from __future__ import annotations

import pytest

from edgeemo.train.config.recipe import EarlyStopping, Schedule
from edgeemo.train.fit.schedule import best_epoch, kept_epoch, learning_rate, should_stop


def history(key: str, values: list[float]) -> list[dict[str, float]]:
    return [{key: value} for value in values]


@pytest.mark.parametrize(("progress", "rate"), [(0, 1.0), (2.5, 0.853553), (5, 0.5), (7.5, 0.146447), (10, 0), (11, 0)])
def test_cosine_falls_to_zero(progress: float, rate: float) -> None:
    assert learning_rate(Schedule("cosine", epochs=10), 1.0, (), progress) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(("progress", "rate"), [(0, 0.0005), (0.5, 0.025), (1, 0.05), (2, 0.1), (6, 0.05), (10, 0.0)])
def test_warm_up_rises_and_then_the_cosine_begins(progress: float, rate: float) -> None:
    schedule = Schedule("cosine", epochs=10, warmup=2.0)
    assert learning_rate(schedule, 0.1, (), progress) == pytest.approx(rate)


@pytest.mark.parametrize("progress", [0, 3.7, 99])
def test_constant_stays(progress: float) -> None:
    assert learning_rate(Schedule("constant", epochs=10), 0.3, (), progress) == 0.3


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ([], 1.0),
        ([3, 2, 1], 1.0),
        ([1, 2], 1.0),
        ([1, 2, 2], 0.5),
        ([1, 1, 1], 0.5),
        ([1, 2, 2, 2], 0.5),
        ([1, 2, 2, 2, 2], 0.25),
        ([1, 2, 0.5, 2], 1.0),
        ([1, 2, 2, 0.5, 2, 2], 0.25),
        ([1] + [2] * 20, 0.1),
    ],
)
def test_plateau_lowers_the_rate_after_epochs_without_a_better_loss(losses: list[float], rate: float) -> None:
    schedule = Schedule("plateau", factor=0.5, patience=2, minimum=0.1)
    assert learning_rate(schedule, 1.0, history("val_loss", losses), len(losses)) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_accuracy", [0.5], 0),
        ("val_accuracy", [0.1, 0.7, 0.3], 1),
        ("val_accuracy", [0.1, 0.7, 0.7], 1),
        ("val_loss", [0.4, 0.2, 0.9], 1),
        ("val_loss", [0.2, 0.2], 0),
    ],
)
def test_the_earliest_of_the_best_epochs_counts(monitor: str, values: list[float], best: int) -> None:
    assert best_epoch(history(monitor, values), monitor) == best


@pytest.mark.parametrize(
    ("patience", "values", "stop"),
    [
        (2, [], False),
        (2, [0.5, 0.4], False),
        (2, [0.5, 0.4, 0.4], True),
        (2, [0.5, 0.4, 0.6], False),
        (2, [0.5, 0.5, 0.5], True),
        (0, [0.5] + [0.1] * 50, False),
    ],
)
def test_stopping_waits_for_patience_epochs(patience: int, values: list[float], stop: bool) -> None:
    assert should_stop(EarlyStopping(patience), history("val_accuracy", values)) is stop


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), ("last", 2)])
def test_the_epoch_that_is_kept(keep: str, kept: int) -> None:
    assert kept_epoch(history("val_accuracy", [0.2, 0.6, 0.5]), EarlyStopping(keep=keep)) == kept
