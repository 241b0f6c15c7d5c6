"""Training by steps: it learns, a killed one continues where it stood, and what fails while drawing is raised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.backend import keras, tf
from edgeemo.train.config.detection import StepSettings
from edgeemo.train.fit.steps import Prefetch, StepTrainer, learning_rate

SETTINGS = StepSettings(60, rate=0.05, warmup=5, checkpoint=20, average=0.5)


def model(width: int = 1) -> Any:
    return keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(width, kernel_initializer="ones")])


def squared(target: Any, given: Any) -> Any:
    return tf.reduce_mean((target - given) ** 2)


def batch() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
    return x, 3 * x


def trained(folder: Path, settings: StepSettings = SETTINGS) -> StepTrainer:
    trainer = StepTrainer(model(), squared, settings, folder)
    trainer.run(batch, report=lambda *told: None)
    return trainer


def test_it_learns_and_the_averages_follow(tmp_path: Path) -> None:
    trainer = trained(tmp_path, StepSettings(400, rate=0.05, warmup=5))
    assert trainer.averaged().weights[0].numpy().item() == pytest.approx(3, abs=0.2)


def test_a_killed_training_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")

    class Killed(Exception): ...

    def kill() -> None:
        raise Killed

    part = StepTrainer(model(), squared, SETTINGS, tmp_path / "part")
    with pytest.raises(Killed):
        part.run(batch, report=lambda *told: None, between={50: kill})
    again = StepTrainer(model(), squared, SETTINGS, tmp_path / "part")
    assert again.step == 40
    again.run(batch, report=lambda *told: None)
    for one, two in zip(whole.averaged().weights, again.averaged().weights, strict=True):
        assert np.allclose(one.numpy(), two.numpy(), atol=1e-6)


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(EdgeemoError, match="another model"):
        StepTrainer(model(2), squared, SETTINGS, tmp_path)


@pytest.mark.parametrize(("step", "rate"), [(0, 0.01), (4, 0.05), (5, 0.05), (60, 0.0)])
def test_warm_up_then_cosine(step: int, rate: float) -> None:
    assert learning_rate(step, SETTINGS) == pytest.approx(rate, abs=1e-6)


def test_what_fails_while_drawing_is_raised_where_it_is_asked_for() -> None:
    def fail() -> None:
        raise OSError("gone")

    batches = Prefetch(fail)
    with pytest.raises(OSError, match="gone"):
        batches()
    batches.close()


def test_closing_ends_the_thread() -> None:
    batches = Prefetch(lambda: 1, ahead=1)
    assert batches() == 1
    batches.close()
    assert not batches._thread.is_alive()
