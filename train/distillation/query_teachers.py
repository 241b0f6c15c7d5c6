"""Trained networks that are asked about the training images, once, for smaller ones to learn from.

They are shown the images as they are and mirrored, or in the very versions that the student will see; see
:mod:`edgeemo.train.inputs.augmented_views`. What they say is kept as :class:`soft_targets.Teaching`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.preprocess import InputSpec
from ..checkpoint import Unfinished
from ..config.recipe import Recipe
from ..datasets.dataset import Dataset
from ..evaluation.predictor import Predictor
from ..inputs.augmented_views import Views
from ..inputs.image_cache import fitted_pixels
from .soft_targets import Teaching

#: Images that the teachers are shown at once.
_BATCH = 256


def teach(
    teachers: Sequence[Predictor],
    dataset: Dataset,
    *,
    mirrored: bool = True,
    student: Recipe | None = None,
    views: int = 0,
    seed: int = 0,
    blend: float = 0.0,
    others: Sequence[Teaching] = (),
    unfinished: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Teaching:
    """Ask trained networks about every image; copies of one image are asked about once.

    Args:
        teachers: the mean of their probabilities is taken. Each may have an input of its own, unless there are views.
        dataset: the images.
        mirrored: ask about the mirror image too.
        student: the recipe by which the images are fitted and changed, with ``views``.
        views: changed versions of every image to ask about, instead of the image as it is; 0 for none.
        seed: of the changes.
        blend: alpha by which a version is blended with that of another image; see :class:`Views`.
        others: what was answered before to the same questions; the mean is of all teachers.
        unfinished: file (.npz) that keeps the answers after each version; whoever asks the same again goes on from it.
        progress: told (done, all) before each batch.

    Raises:
        EdgeemoError: a teacher tells other classes apart, or has another input than the student; or others were asked
            about other images or versions.
    """
    first: dict[str, int] = {}
    for index, sample in enumerate(dataset.samples):
        first.setdefault(sample.digest, index)
    chosen = dataset.take(first.values())
    shown = None
    if student and views:
        shown = Views.for_student(student, number=views, images=len(chosen), seed=seed, blend=blend)
    for teacher in teachers:
        _fits(teacher, dataset, shown)
    for other in others:
        _same_questions(other, chosen, shown)
    total = np.zeros((max(views, 1), len(chosen), len(dataset.labels)), np.float32)
    steps = -(-len(chosen) // _BATCH)
    share = 1 / (len(teachers) * (2 if mirrored else 1))
    # Those of one input are shown the same batch: fitting and changing it again takes as long as a small teacher.
    together: dict[InputSpec, list[tuple[Predictor, list[int]]]] = {}
    for teacher in teachers:
        columns = [teacher.card.labels.index(label) for label in dataset.labels]
        together.setdefault(teacher.card.input, []).append((teacher, columns))
    passes = len(together) * len(total)
    kept = Unfinished(unfinished, _key(teachers, chosen, shown, mirrored)) if unfinished else None
    if saved := kept and kept.load():
        done, total = int(saved["done"]), saved["answers"]
    else:
        done = 0
    for place, (spec, present) in enumerate(together.items()):
        before = place * len(total)
        left = range(max(0, done - before), len(total))
        pixels = fitted_pixels(chosen, spec) if left else np.empty(0)
        for view, step in itertools.product(left, range(steps)):
            if progress:
                progress((before + view) * steps + step, passes * steps)
            rows = np.arange(step * _BATCH, min((step + 1) * _BATCH, len(chosen)))
            batch = shown.version(view).images(rows, pixels) if shown else pixels[rows]
            for seen in [batch, np.ascontiguousarray(batch[:, :, ::-1])] if mirrored else [batch]:
                for teacher, columns in present:
                    total[view, rows] += teacher.predict(seen)[:, columns] * share
            if kept and step + 1 == steps:
                kept.save({"done": np.array(before + view + 1), "answers": total})
    answers = Teaching(dataset.labels, tuple(first), total if shown else total[0], shown, len(teachers))
    return answers.with_others(others)


def _key(teachers: Sequence[Predictor], images: Dataset, shown: Views | None, mirrored: bool) -> str:
    """Of all that the answers depend on; a teacher is known by what it says of some of the images."""
    some = images.take(range(min(8, len(images))))
    digest = hashlib.sha256(f"{images.labels}{shown}{mirrored}".encode())
    for sample in images.samples:
        digest.update(sample.digest.encode())
    for teacher in teachers:
        digest.update(teacher.predict(some.pixels(teacher.card.input)).tobytes())
    return digest.hexdigest()


def _same_questions(other: Teaching, images: Dataset, shown: Views | None) -> None:
    other.rows(images)
    expected, got = (
        "the images as they are" if views is None else "versions of them" for views in (shown, other.views)
    )
    if shown and other.views:
        expected, got = shown.told_apart(other.views)
        # The changes are drawn for all images at once: in another order each has another's.
        if expected == got and list(other.digests) != [sample.digest for sample in images.samples]:
            expected, got = "the images in this order", "in another"
    if expected != got:
        raise DataError(
            "the other teachers were asked about other versions of the images",
            expected=expected,
            got=got,
            hint="ask with their --student, --views, --seed and --set, and about the same data",
        )


def _fits(teacher: Predictor, dataset: Dataset, views: Views | None) -> None:
    card = teacher.card
    if sorted(card.labels) != sorted(dataset.labels):
        raise DataError(
            f"{card.name} cannot teach these images",
            expected="a network for " + ", ".join(dataset.labels),
            got="one for " + ", ".join(card.labels),
        )
    if views and not views.fit(card.input):
        raise DataError(
            f"{card.name} cannot be shown the student's versions of the images",
            expected=f"an input of {views.height}x{views.width}x{views.channels}, as the student's",
            got="x".join(map(str, card.input.shape)),
            hint="leave --views away, or let a network of that input teach",
        )
