"""Changed versions of the training pictures which teacher and student both see: consistent teaching.

A teacher that has seen a face upright says little of the face turned, half hidden and in other light. Beyer et al.
2022, "Knowledge distillation: A good teacher is patient and consistent" (arXiv:2106.05237), find that both have to see
the same crop. The teachers stay out of the student's training all the same: the versions are drawn from a seed, so that
their answers can be kept in a file and every version be made again.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..edge.errors import EdgeemoError
from ..edge.preprocess import InputSpec
from .augment import Changes
from .recipe import Recipe
from .sections import Augmentation
from .tables import from_table


@dataclass(frozen=True)
class Views:
    """So many versions of so many pictures.

    Args:
        number: versions of each.
        pictures: how many.
        height, width, channels: of the pictures, fitted to the student's input.
        augmentation: how far they are changed; mixup and cutmix are the student's own.
        seed: of the changes.
    """

    number: int
    pictures: int
    height: int
    width: int
    channels: int
    augmentation: Augmentation
    seed: int = 0

    @classmethod
    def for_student(cls, recipe: Recipe, *, number: int, pictures: int, seed: int) -> Views:
        """As a recipe fits and changes pictures."""
        return cls(number, pictures, *recipe.input.shape, _own(recipe.augmentation), seed)

    @classmethod
    def from_json(cls, text: str, where: str) -> Views:
        """As :meth:`to_json` writes it.

        Raises:
            EdgeemoError: a key is missing or unknown, or a value of the wrong type.
        """
        views: Views = from_table(cls, json.loads(text), where)
        return views

    def to_json(self) -> str:
        """For the teacher's file."""
        return json.dumps(dataclasses.asdict(self))

    def changes(self, view: int) -> Changes:
        """What a version does to every picture."""
        return _drawn(self, view)

    def fit(self, spec: InputSpec) -> bool:
        """Whether an input takes these versions as they are."""
        return spec.shape == (self.height, self.width, self.channels)

    def hold_to(self, recipe: Recipe, file: str) -> None:
        """Make sure that a recipe's pictures are fitted and changed in the same way.

        Raises:
            EdgeemoError: it has another input, or changes pictures otherwise.
        """
        student = Views.for_student(recipe, number=self.number, pictures=self.pictures, seed=self.seed)
        if student != self:
            expected, got = self.told_apart(student)
            raise EdgeemoError(
                f"{file} tells of other versions of the pictures than this recipe makes",
                expected=expected,
                got=got,
                mend=f"make it for this recipe: edgeemo teach --student {recipe.name}, or --set what differs",
            )

    def told_apart(self, other: Views) -> tuple[str, str]:
        """What is different in other versions, for a message: as it is here, and there."""
        own, others = _told(self), _told(other)
        differing = [key for key in own if own[key] != others[key]]
        here, there = (", ".join(f"{key} {told[key]}" for key in differing) for told in (own, others))
        return here, there


@dataclass(frozen=True)
class Lesson:
    """What a student sees and is told in an epoch: the versions take turns.

    Args:
        views: as the teachers saw them.
        rows: int64 (n,): which of their pictures each of the student's is.
        targets: float32 (versions, n, classes).
    """

    views: Views
    rows: np.ndarray
    targets: np.ndarray

    def changes(self, epoch: int) -> Changes:
        """Of the student's n pictures."""
        return self.views.changes(epoch % self.views.number).of(self.rows)

    def expected(self, epoch: int) -> np.ndarray:
        """Targets, float32 (n, classes)."""
        return np.asarray(self.targets[epoch % self.views.number])


# One is asked for by every batch of an epoch, and the next one before the last batch of it is made.
@lru_cache(maxsize=2)
def _drawn(views: Views, view: int) -> Changes:
    rng = np.random.default_rng([views.seed, view])
    return Changes.draw(views.pictures, views.height, views.width, views.augmentation, rng)


def _own(augmentation: Augmentation) -> Augmentation:
    return replace(augmentation, mixup=0.0, cutmix=0.0)


def _told(views: Views) -> dict[str, object]:
    table = dataclasses.asdict(views)
    changes = table.pop("augmentation")
    return {**table, **{f"augmentation.{key}": value for key, value in changes.items()}}
