"""The phases of a training as pure functions of its history, and the freezing of a backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backend import keras
from ..config.recipe import Phase, Recipe
from . import schedule

#: Layers that turn planes into a vector; what stands behind the last of them is the classifier.
_TO_VECTOR = (keras.layers.Flatten, keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)


@dataclass(frozen=True)
class Stage:
    """A phase in its place.

    Args:
        number: of the phase, from 1.
        phase: what the recipe says of it.
        start: finished epochs of the phases before.
        planned: epochs of the whole training if no later phase stops early.
        rate_key: where the recipe has its learning rate.
    """

    number: int
    phase: Phase
    start: int
    planned: int
    rate_key: str

    @property
    def end(self) -> int:
        """Finished epochs of the run when the phase has run to its end."""
        return self.start + self.phase.epochs

    def own(self, history: schedule.History) -> list[dict[str, float]]:
        """Return the finished epochs of this phase."""
        return [row for row in history if row["phase"] == self.number]


def current_stage(recipe: Recipe, history: schedule.History) -> Stage | None:
    """Return the phase in which training continues after these finished epochs; None when nothing is left to do."""
    plan, start = recipe.plan, 0
    for number, phase in enumerate(plan, start=1):
        planned = start + sum(later.epochs for later in plan[number - 1 :])
        key = f"phase.{number}.learning_rate" if plan == recipe.phase else "optimizer.learning_rate"
        stage = Stage(number, phase, start, planned, key)
        own = stage.own(history)
        if len(own) < phase.epochs and not schedule.should_stop(recipe.early_stopping, own):
            return stage
        start += len(own)
    return None


def freeze(model: Any, frozen: bool) -> None:
    """Freeze a network up to its classifier, or free all of it.

    Frozen batch normalizations use, and keep, their moving averages.

    Args:
        model: changed in place; it has to be compiled afterwards.
        frozen: whether only the classifier is trained.
    """
    model.trainable = True
    last = max((index for index, layer in enumerate(model.layers) if isinstance(layer, _TO_VECTOR)), default=-1)
    for layer in model.layers[: last + 1]:
        layer.trainable = not frozen
