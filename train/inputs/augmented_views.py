"""Changed versions of the training images which teacher and student both see: consistent teaching.

A teacher that has seen a face upright says little of the face turned, half hidden and in other light. Beyer et al.
2022, "Knowledge distillation: A good teacher is patient and consistent" (arXiv:2106.05237), find that both have to see
the same crop. The teachers stay out of the student's training all the same: the versions are drawn from a seed, so that
their answers can be kept in a file and every version be made again. Versions may be blends of two images: of them a
student can be shown many more than there are images, and it learns the teacher's function between faces too.
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
from .mixup import Mixup, blended_targets


@dataclass(frozen=True)
class Views:
    """So many versions of so many images.

    Args:
        number: versions of each.
        images: how many.
        height, width, channels: of the images, fitted to the student's input.
        augmentation: how far they are changed; its mixup and cutmix are the student's own.
        seed: of the changes.
        blend: alpha by which each version is blended with the same version of another image, as
            :meth:`mixup.Mixup.draw` draws it; 0 blends nothing.
    """

    number: int
    images: int
    height: int
    width: int
    channels: int
    augmentation: Augmentation
    seed: int = 0
    blend: float = 0.0

    @classmethod
    def for_student(cls, recipe: Recipe, *, number: int, images: int, seed: int, blend: float = 0.0) -> Views:
        """As a recipe fits and changes images."""
        return cls(number, images, *recipe.input.shape, _own(recipe.augmentation), seed, blend)

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

    def version(self, view: int, rows: np.ndarray | None = None) -> Version:
        """A version of all images, or of those that a student has.

        Args:
            view: which.
            rows: int64 (n,): which of them are wanted, and where; None for all.
        """
        changes, blends = _drawn(self, view)
        if rows is None:
            return Version(changes, blends)
        if not blends:
            return Version(changes.of(rows))
        places = np.full(self.images, -1)
        places[rows] = np.arange(len(rows))
        return Version(changes.of(rows), Mixup(places[blends.partners[rows]], blends.shares[rows]))

    def fit(self, spec: InputSpec) -> bool:
        """Whether an input takes these versions as they are."""
        return spec.shape == (self.height, self.width, self.channels)

    def hold_to(self, recipe: Recipe, file: str) -> None:
        """Make sure that a recipe's images are fitted and changed in the same way.

        Raises:
            DataError: it has another input, or changes images otherwise.
        """
        student = Views.for_student(recipe, number=self.number, images=self.images, seed=self.seed, blend=self.blend)
        if student != self:
            expected, got = self.told_apart(student)
            raise DataError(
                f"{file} tells of other versions of the images than this recipe makes",
                expected=expected,
                got=got,
                hint=f"make it for this recipe: edgeemo teach --student {recipe.name}, or --set what differs",
            )

    def told_apart(self, other: Views) -> tuple[str, str]:
        """What is different in other versions, for a message: as it is here, and there."""
        own, others = _told(self), _told(other)
        differing = [key for key in own if own[key] != others[key]]
        here, there = (", ".join(f"{key} {told[key]}" for key in differing) for told in (own, others))
        return here, there


@dataclass(frozen=True)
class Version:
    """What is shown in place of n images.

    Args:
        changes: of each.
        blends: with which of them each is then blended, -1 where the other is none of them; None blends nothing.
    """

    changes: Changes
    blends: Mixup | None = None

    @property
    def whole(self) -> np.ndarray:
        """Which can be shown, bool (n,): those that are not blended with an image that is not there."""
        if not self.blends:
            return np.ones(len(self.changes.warp), bool)
        whole: np.ndarray = self.blends.partners >= 0
        return whole

    def order(self, order: np.ndarray) -> np.ndarray:
        """An order of images in which those that cannot be shown have given their places to others of it."""
        there = self.whole[order]
        shown = order.copy()
        shown[~there] = np.resize(order[there], (~there).sum())
        return shown

    def images(self, chosen: np.ndarray, pixels: np.ndarray | FittedOnDemand) -> np.ndarray:
        """What is seen of some of the images.

        Args:
            chosen: int (m,): which.
            pixels: uint8 (n, height, width, channels), all of them.

        Returns:
            uint8 (m, height, width, channels).
        """
        seen = self.changes.of(chosen).apply(pixels[chosen])
        if not self.blends:
            return seen
        others, share = self.blends.partners[chosen], self.blends.shares[chosen][:, None, None, None]
        changed = self.changes.of(others).apply(pixels[others])
        # Rounded as every image is.
        return np.rint(share * seen + (1 - share) * changed).astype(np.uint8)

    def targets(self, chosen: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights of some of the images from those of all n: a blend has those of its two."""
        if not self.blends:
            return targets[chosen], weights[chosen]
        others = self.blends.partners[chosen]
        own, other = (targets[chosen], weights[chosen]), (targets[others], weights[others])
        return blended_targets(self.blends.shares[chosen], own, other)


@dataclass(frozen=True)
class Lesson:
    """What a student sees and is told: the versions take turns, one an epoch.

    Args:
        views: as the teachers saw them.
        rows: int64 (n,): which of their images each of the student's is.
        targets: float32 (versions, n, classes).
    """

    views: Views
    rows: np.ndarray
    targets: np.ndarray

    def epoch(self, number: int) -> tuple[Version, np.ndarray]:
        """What the student is shown in an epoch, and the targets of that, float32 (n, classes)."""
        view = number % self.views.number
        return self.views.version(view, self.rows), np.asarray(self.targets[view])


# One is asked for by every batch of an epoch, and the next one before the last batch of it is made.
@lru_cache(maxsize=2)
def _drawn(views: Views, view: int) -> tuple[Changes, Mixup | None]:
    rng = np.random.default_rng([views.seed, view])
    changes = Changes.draw(views.images, views.height, views.width, views.augmentation, rng)
    return changes, Mixup.draw(views.images, views.blend, rng) if views.blend else None


def _own(augmentation: Augmentation) -> Augmentation:
    return replace(augmentation, mixup=0.0, cutmix=0.0)


def _told(views: Views) -> dict[str, object]:
    table = dataclasses.asdict(views)
    changes = table.pop("augmentation")
    return {**table, **{f"augmentation.{key}": value for key, value in changes.items()}}
