"""Averages of the weights: what they follow, when the model has them, and that they survive on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.backend import keras, set_seed
from edgeemo.train.fit.ema import Averages, decay_at, swap_ema

from ...conftest import raises

STEPS = 4
INPUTS = np.random.default_rng(0).random((4 * STEPS, 3), np.float32)
TARGETS = INPUTS.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("step", "decay", "expected"),
    [(0, 0.99, 0.1), (10, 0.99, 11 / 20), (10, 0.5, 0.5), (100_000, 0.998, 0.998), (3, 0.0, 0.0)],
)
def test_the_beginning_is_forgotten_sooner(step: int, decay: float, expected: float) -> None:
    assert decay_at(step, decay) == pytest.approx(expected)


def make_model() -> Any:
    set_seed(1)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


class _Watch(keras.callbacks.Callback):
    """Notes the kernel after every step, and what is validated."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[np.ndarray] = []
        self.validated: list[np.ndarray] = []

    @property
    def kernel(self) -> np.ndarray:
        return self.model.layers[-1].kernel.numpy()

    def on_train_begin(self, logs: Any = None) -> None:
        self.steps.append(self.kernel)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps.append(self.kernel)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.validated.append(self.kernel)


def fit(model: Any, averages: Averages, epochs: int, start: int = 0) -> _Watch:
    watch = _Watch()
    model.fit(
        INPUTS,
        TARGETS,
        batch_size=4,
        shuffle=False,
        initial_epoch=start,
        epochs=epochs,
        validation_data=(INPUTS, TARGETS),
        validation_batch_size=len(INPUTS),
        callbacks=[averages, watch],
        verbose=0,
    )
    return watch


@pytest.fixture(scope="module")
def trained() -> tuple[Any, _Watch, dict[int, np.ndarray]]:
    """Two epochs with decay 0.3, and the averages."""
    model, averages = make_model(), Averages(0.3, STEPS, 0)
    watch = fit(model, averages, 2)
    return model, watch, averages.values()


def by_hand(steps: list[np.ndarray]) -> np.ndarray:
    average = steps[0]
    for step, kernel in enumerate(steps[1:]):
        decay = decay_at(step, 0.3)
        average = decay * average + (1 - decay) * kernel
    return average


def test_what_is_validated_is_the_average(trained: tuple[Any, _Watch, dict[int, np.ndarray]]) -> None:
    _, watch, _ = trained
    first, second = watch.validated
    np.testing.assert_allclose(first, by_hand(watch.steps[: STEPS + 1]), rtol=1e-4)
    np.testing.assert_allclose(second, by_hand(watch.steps), rtol=1e-4)


def test_training_goes_on_with_the_last_step_s_weights(trained: tuple[Any, _Watch, dict[int, np.ndarray]]) -> None:
    model, watch, _ = trained
    assert np.array_equal(model.layers[-1].kernel.numpy(), watch.steps[-1])
    assert np.isfinite(watch.steps).all()
    assert not np.allclose(watch.steps[-1], watch.validated[-1], rtol=1e-3)


def test_a_model_is_given_its_averages(trained: tuple[Any, _Watch, dict[int, np.ndarray]]) -> None:
    model, watch, averages = trained
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    swap_ema(other, averages)
    assert np.array_equal(other.layers[-1].kernel.numpy(), watch.validated[-1])
    for own, lent in zip(model.non_trainable_variables, other.non_trainable_variables, strict=True):
        assert np.array_equal(own.numpy(), lent.numpy())


def test_averages_go_on_where_they_stood(trained: tuple[Any, _Watch, dict[int, np.ndarray]]) -> None:
    model, averages = make_model(), Averages(0.3, STEPS, 0)
    fit(model, averages, 1)
    watch = fit(model, Averages(0.3, STEPS, 0, averages.values()), 2, start=1)
    np.testing.assert_allclose(watch.validated[0], trained[1].validated[1], rtol=1e-5)


def test_frozen_weights_are_not_averaged() -> None:
    model, averages = make_model(), Averages(0.3, STEPS, 0)
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    fit(model, averages, 1)
    assert sorted(array.shape for array in averages.values().values()) == [(1,), (3, 1)]


def test_averages_of_another_model_are_refused() -> None:
    with raises(EdgeemoError, problem="of another network"):
        swap_ema(make_model(), {0: np.zeros(7)})
