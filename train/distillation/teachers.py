"""Trained networks that are asked about the training images, once, for smaller networks to learn from.

They see the images as they are and mirrored, or the views that the student will see; see
:mod:`edgeemo.train.inputs.views`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.preprocess import InputSpec
from ..checkpoint import ArrayFile
from ..config.recipe import Recipe
from ..datasets.dataset import Dataset
from ..evaluation.predictor import Predictor
from ..inputs.image_cache import fitted_pixels
from ..inputs.views import Views
from .soft_targets import SoftTargets

#: Images in a batch.
_BATCH = 256


@dataclass(frozen=True)
class ViewOptions:
    """Views that teachers are asked about instead of the images as they are.

    Args:
        student: recipe by which images are fitted and changed.
        count: views of each image.
        seed: seed of the changes.
        mixup: alpha by which each view is mixed with another image's; see :class:`edgeemo.train.inputs.views.Views`.
    """

    student: Recipe
    # Beyer et al. show as many views as there are epochs; 40 take 25 minutes of one core with the int8 large model.
    count: int = 40
    seed: int = 0
    mixup: float = 0.0


def query_teachers(
    teachers: Sequence[Predictor],
    dataset: Dataset,
    *,
    mirrored: bool = True,
    views: ViewOptions | None = None,
    previous: Sequence[SoftTargets] = (),
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SoftTargets:
    """Ask trained networks about every image; copies of one image are asked about once.

    Args:
        teachers: networks whose mean probabilities are taken. Each may have an input of its own, unless there are
            views.
        dataset: images.
        mirrored: ask about the mirror image too.
        views: views to ask about instead of the images as they are.
        previous: soft targets of other teachers for the same views of the same images; the mean is of all teachers.
        checkpoint: file (.npz) that keeps the answers after each view; the same call continues from it.
        progress: called with (done, all) before each batch.

    Raises:
        DataError: a teacher has other classes, or another input than the student; or the previous soft targets are
            of other images or views.
    """
    first: dict[str, int] = {}
    for index, sample in enumerate(dataset.samples):
        first.setdefault(sample.digest, index)
    chosen = dataset.take(first.values())
    shown = None
    if views:
        shown = Views.for_student(
            views.student, count=views.count, images=len(chosen), seed=views.seed, mixup=views.mixup
        )
    for teacher in teachers:
        _check_teacher(teacher, dataset, shown)
    for other in previous:
        _check_previous(other, chosen, shown)
    total = np.zeros((shown.count if shown else 1, len(chosen), len(dataset.labels)), np.float32)
    steps = -(-len(chosen) // _BATCH)
    share = 1 / (len(teachers) * (2 if mirrored else 1))
    # Those of one input see the same batch: fitting and changing it again takes as long as a small teacher.
    groups: dict[InputSpec, list[tuple[Predictor, list[int]]]] = {}
    for teacher in teachers:
        columns = [teacher.card.labels.index(label) for label in dataset.labels]
        groups.setdefault(teacher.card.input, []).append((teacher, columns))
    passes = len(groups) * len(total)
    kept = ArrayFile(checkpoint, _key(teachers, chosen, shown, mirrored)) if checkpoint else None
    if saved := kept and kept.load():
        done, total = int(saved["done"]), saved["answers"]
    else:
        done = 0
    for place, (spec, group) in enumerate(groups.items()):
        before = place * len(total)
        left = range(max(0, done - before), len(total))
        pixels = fitted_pixels(chosen, spec) if left else np.empty(0)
        for view, step in itertools.product(left, range(steps)):
            if progress:
                progress((before + view) * steps + step, passes * steps)
            rows = np.arange(step * _BATCH, min((step + 1) * _BATCH, len(chosen)))
            batch = shown.view(view).images(rows, pixels) if shown else pixels[rows]
            for seen in [batch, np.ascontiguousarray(batch[:, :, ::-1])] if mirrored else [batch]:
                for teacher, columns in group:
                    total[view, rows] += teacher.predict(seen)[:, columns] * share
            if kept and step + 1 == steps:
                kept.save({"done": np.array(before + view + 1), "answers": total})
    answers = SoftTargets(dataset.labels, tuple(first), total if shown else total[0], shown, len(teachers))
    return answers.merged(previous)


def _key(teachers: Sequence[Predictor], images: Dataset, views: Views | None, mirrored: bool) -> str:
    """Hash of all that the answers depend on; a teacher is known by its answers for some of the images."""
    some = images.take(range(min(8, len(images))))
    digest = hashlib.sha256(f"{images.labels}{views}{mirrored}".encode())
    for sample in images.samples:
        digest.update(sample.digest.encode())
    for teacher in teachers:
        digest.update(teacher.predict(some.pixels(teacher.card.input)).tobytes())
    return digest.hexdigest()


def _check_previous(other: SoftTargets, images: Dataset, views: Views | None) -> None:
    other.rows(images)
    expected, got = ("the images as they are" if asked is None else "views of them" for asked in (views, other.views))
    if views and other.views:
        expected, got = views.differences(other.views)
        # The changes are drawn for all images at once: in another order each has another's.
        if expected == got and list(other.digests) != [sample.digest for sample in images.samples]:
            expected, got = "the images in this order", "in another"
    if expected != got:
        raise DataError(
            "the previous teachers were asked about other views of the images",
            expected=expected,
            got=got,
            hint="ask with their --student, --views, --seed, --mixup and --set, and about the same data",
        )


def _check_teacher(teacher: Predictor, dataset: Dataset, views: Views | None) -> None:
    card = teacher.card
    if sorted(card.labels) != sorted(dataset.labels):
        raise DataError(
            f"{card.name} cannot be a teacher for these images",
            expected="a network for " + ", ".join(dataset.labels),
            got="one for " + ", ".join(card.labels),
        )
    if views and not views.fits(card.input):
        raise DataError(
            f"{card.name} does not take the student's views of the images",
            expected=f"an input of {views.height}x{views.width}x{views.channels}, as the student's",
            got="x".join(map(str, card.input.shape)),
            hint="leave --student out, or take a teacher with that input",
        )
