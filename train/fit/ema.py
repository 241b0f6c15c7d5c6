"""Exponential moving averages of the weights: what is validated, kept and deployed in the place of the last step's.

Polyak & Juditsky 1992; as a mean teacher Tarvainen & Valpola 2017, arXiv:1703.01780. Only what is trained is averaged:
the moving statistics of batch normalizations are averages already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ..backend import keras, tf


def decay_at(step: int, decay: float) -> float:
    """Return the decay at a step (from 0): lower at first, so that the random beginning is soon forgotten."""
    return min(decay, (1 + step) / (10 + step))


class Averages(keras.callbacks.Callback):
    """Follows the trained weights step by step and lends the model its averages while it is validated.

    Args:
        decay: share of the average that stays in a step.
        steps: per epoch.
        start: finished epochs at which the averages begin.
        saved: averages of a training that is resumed, as from :meth:`values`; without them they begin with the model's
            weights.
    """

    def __init__(self, decay: float, steps: int, start: int, saved: Mapping[int, np.ndarray] | None = None) -> None:
        super().__init__()
        self.decay, self.steps, self.start, self.saved = decay, steps, start, saved
        self.epoch = start
        self._trained: list[np.ndarray] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin with the saved averages or, without them, with the weights of the model."""
        places = {id(variable): place for place, variable in enumerate(self.model.weights)}
        self._followed = {places[id(variable)]: variable for variable in self.model.trainable_variables}
        begun = self.saved or {}
        self._averages = {
            place: tf.Variable(begun[place] if begun else variable.numpy(), trainable=False)
            for place, variable in self._followed.items()
        }

        def follow(share: Any) -> None:
            for place, variable in self._followed.items():
                average = self._averages[place]
                average.assign_add(share * (variable - average))

        # One call a step instead of two for every weight.
        self._follow = tf.function(follow)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch, on which the decay depends."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the averages toward the weights of this step."""
        decay = decay_at((self.epoch - self.start) * self.steps + batch, self.decay)
        self._follow(tf.constant(1 - decay, tf.float32))

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the averages in the place of the trained weights."""
        self._trained = [variable.numpy() for variable in self._followed.values()]
        for place, variable in self._followed.items():
            variable.assign(self._averages[place])

    def on_test_end(self, logs: Any = None) -> None:
        """Restore the trained weights."""
        for variable, trained in zip(self._followed.values(), self._trained, strict=True):
            variable.assign(trained)
        self._trained = []

    def values(self) -> dict[int, np.ndarray]:
        """Return the averages by the places of their weights in ``model.weights``."""
        return {place: average.numpy() for place, average in self._averages.items()}


def swap_ema(model: Any, averages: Mapping[int, np.ndarray]) -> None:
    """Assign the averages of :meth:`Averages.values` to a model.

    Raises:
        ModelError: they are those of another model.
    """
    weights = model.weights
    if any(place >= len(weights) or weights[place].shape != array.shape for place, array in averages.items()):
        raise ModelError("a checkpoint has averages of another network", hint="train again")
    for place, array in averages.items():
        weights[place].assign(array)
