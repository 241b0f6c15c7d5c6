"""Augmented views of the training images that teacher and student both see.

A teacher that has seen a face upright says little about the face turned, half hidden and in other light. Beyer et al.
2022, "Knowledge distillation: A good teacher is patient and consistent" (arXiv:2106.05237), find that both have to see
the same crop. The teachers stay out of the student's training all the same: views are drawn from a seed, so that the
teachers' answers can be kept in a file and every view can be made again. Views may be mixed from two images (mixup):
of those a student can be shown many more than there are images, and it learns the teacher's function between faces
too, which Beyer et al. call function matching.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.preprocess import InputSpec
from ..config.overrides import from_table
from ..config.recipe import Recipe
from ..config.sections import Augmentation
from .augment import Changes
from .image_cache import FittedOnDemand
from .mixup import Mixup, mixed_targets


@dataclass(frozen=True)
class Views:
    """A number of views of every image.

    Args:
        count: views of each image.
        images: number of images.
        height: pixels, of the student's input.
        width: pixels, of the student's input.
        channels: 1 or 3, of the student's input.
        augmentation: random changes; its mixup and cutmix are left to the student.
        seed: seed of the changes.
        mixup: alpha of :meth:`Mixup.draw`, by which each view is mixed with the same view of another image; 0 mixes
            nothing.
    """

    count: int
    images: int
    height: int
    width: int
    channels: int
    augmentation: Augmentation
    seed: int = 0
    mixup: float = 0.0

    @classmethod
    def for_student(cls, recipe: Recipe, *, count: int, images: int, seed: int, mixup: float = 0.0) -> Views:
        """Return views with the input size and the augmentation of a recipe."""
        augmentation = replace(recipe.augmentation, mixup=0.0, cutmix=0.0)
        return cls(count, images, *recipe.input.shape, augmentation, seed, mixup)

    @classmethod
    def from_json(cls, text: str, where: str) -> Views:
        """Read what :meth:`to_json` writes.

        Args:
            text: JSON.
            where: file name for messages.

        Raises:
            RecipeError: a key is missing or unknown, or a value of the wrong type.
        """
        views: Views = from_table(cls, json.loads(text), where)
        return views

    def to_json(self) -> str:
        """Return the JSON that a file of soft targets keeps."""
        return json.dumps(dataclasses.asdict(self))

    def view(self, index: int, rows: np.ndarray | None = None) -> View:
        """Return one view of all images, or of those that a student has.

        Args:
            index: number of the view, from 0.
            rows: int64 (n,): numbers of the student's images, in its order; None for all.
        """
        changes, mixed = _draw(self, index)
        if rows is None:
            return View(changes, mixed)
        if not mixed:
            return View(changes.of(rows))
        places = np.full(self.images, -1)
        places[rows] = np.arange(len(rows))
        return View(changes.of(rows), Mixup(places[mixed.partners[rows]], mixed.shares[rows]))

    def fits(self, spec: InputSpec) -> bool:
        """Return whether a model's input takes these views without another resize."""
        return spec.shape == (self.height, self.width, self.channels)

    def verify(self, recipe: Recipe, file: str) -> None:
        """Make sure that a recipe fits and changes images in the same way.

        Args:
            recipe: recipe of the student.
            file: file of the soft targets, for messages.

        Raises:
            DataError: it has another input, or changes images differently.
        """
        student = Views.for_student(recipe, count=self.count, images=self.images, seed=self.seed, mixup=self.mixup)
        if student != self:
            expected, got = self.differences(student)
            raise DataError(
                f"{file} has other views of the images than this recipe makes",
                expected=expected,
                got=got,
                hint=f"make it for this recipe: edgeemo distill --student {recipe.name}, or --set what differs",
            )

    def differences(self, other: Views) -> tuple[str, str]:
        """Return the settings that differ, for a message: as they are here, and in the other views."""
        own, others = _settings(self), _settings(other)
        differing = [key for key in own if own[key] != others[key]]
        here, there = (", ".join(f"{key} {table[key]}" for key in differing) for table in (own, others))
        return here, there


@dataclass(frozen=True)
class View:
    """One view of n images.

    Args:
        changes: random changes of each image.
        mixed: partner of each image and its share, partner -1 where it is none of these images; None mixes nothing.
    """

    changes: Changes
    mixed: Mixup | None = None

    @property
    def complete(self) -> np.ndarray:
        """Images that can be shown, bool (n,): those whose partner is there."""
        if not self.mixed:
            return np.ones(len(self.changes.warp), bool)
        complete: np.ndarray = self.mixed.partners >= 0
        return complete

    def order(self, order: np.ndarray) -> np.ndarray:
        """Return an order of images in which others stand in for those that cannot be shown.

        Args:
            order: int (m,): numbers of images.
        """
        there = self.complete[order]
        shown = order.copy()
        shown[~there] = np.resize(order[there], (~there).sum())
        return shown

    def images(self, chosen: np.ndarray, pixels: np.ndarray | FittedOnDemand) -> np.ndarray:
        """Return what is seen of some of the images.

        Args:
            chosen: int (m,): numbers of images.
            pixels: uint8 (n, height, width, channels): all images.

        Returns:
            uint8 (m, height, width, channels).
        """
        seen = self.changes.of(chosen).apply(pixels[chosen])
        if not self.mixed:
            return seen
        partners, share = self.mixed.partners[chosen], self.mixed.shares[chosen][:, None, None, None]
        changed = self.changes.of(partners).apply(pixels[partners])
        # Rounded as every image is.
        return np.rint(share * seen + (1 - share) * changed).astype(np.uint8)

    def targets(self, chosen: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return targets and weights of some of the images; a mixed image has those of both.

        Args:
            chosen: int (m,): numbers of images.
            targets: float32 (n, outputs), of all images.
            weights: float32 (n,), of all images.
        """
        if not self.mixed:
            return targets[chosen], weights[chosen]
        partners = self.mixed.partners[chosen]
        own, other = (targets[chosen], weights[chosen]), (targets[partners], weights[partners])
        return mixed_targets(self.mixed.shares[chosen], own, other)


@dataclass(frozen=True)
class ViewTargets:
    """Views of a student's images and their targets; each epoch has the next view.

    Args:
        views: views that the teachers saw.
        rows: int64 (n,): number of each of the student's images among the teachers'.
        targets: float32 (views, n, classes).
    """

    views: Views
    rows: np.ndarray
    targets: np.ndarray

    def epoch(self, number: int) -> tuple[View, np.ndarray]:
        """Return the view of an epoch and its targets, float32 (n, classes)."""
        index = number % self.views.count
        return self.views.view(index, self.rows), np.asarray(self.targets[index])


# One is asked for by every batch of an epoch, and the next one before the last batch of it is made.
@lru_cache(maxsize=2)
def _draw(views: Views, index: int) -> tuple[Changes, Mixup | None]:
    rng = np.random.default_rng([views.seed, index])
    changes = Changes.draw(views.images, views.height, views.width, views.augmentation, rng)
    return changes, Mixup.draw(views.images, views.mixup, rng) if views.mixup else None


def _settings(views: Views) -> dict[str, object]:
    table = dataclasses.asdict(views)
    changes = table.pop("augmentation")
    return {**table, **{f"augmentation.{key}": value for key, value in changes.items()}}
