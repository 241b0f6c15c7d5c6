"""What trained networks say of the training images: soft targets for a smaller network to learn from.

Knowledge distillation (Hinton, Vinyals and Dean 2015, arXiv:1503.02531) with teachers that are asked once (see
:mod:`teachers`): their mean probabilities are kept in a file by the pixels of each image, so that the teachers may be
slow, many, and of any framework.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError, RecipeError
from ...edge.common.files import atomic_path, existing, sha256_file
from ..config.recipe import Recipe
from ..datasets.dataset import Dataset
from ..inputs.augmented_views import Lesson, Views

#: Share of blends that must be of two images which the student has; they are shown in place of the others.
_WHOLE = 0.5
_EPSILON = 1e-7  # as in Keras's cross-entropy


@dataclass(frozen=True)
class Teaching:
    """Probabilities of images.

    Args:
        labels: class names in the order of the columns.
        digests: of the images (:attr:`edgeemo.train.datasets.dataset.Sample.digest`).
        probabilities: float32 (n, classes), rows that sum to 1; with ``views`` (versions, n, classes).
        views: the versions of the images that were shown, or None: the images as they are.
        teachers: of how many networks these are the mean.
    """

    labels: tuple[str, ...]
    digests: tuple[str, ...]
    probabilities: np.ndarray
    views: Views | None = None
    teachers: int = 1

    @classmethod
    def read(cls, path: str | Path) -> Teaching:
        """From a .npz with arrays ``labels`` (text), ``digests`` (text) and ``probabilities`` (float, n x classes).

        With versions it has ``views`` too (JSON), and probabilities of versions x n x classes; ``teachers`` (a number)
        where they are the mean of several.

        Raises:
            DataError: not there, or not such a file.
        """
        file = existing(path, "what edgeemo teach has written (.npz)")
        try:
            with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                labels, digests = (tuple(map(str, arrays[name])) for name in ("labels", "digests"))
                probabilities = np.asarray(arrays["probabilities"], np.float32)
                views = Views.from_json(str(arrays["views"]), str(file)) if "views" in arrays else None
                teachers = int(arrays["teachers"]) if "teachers" in arrays else 1
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{file} is not a teacher's file ({error})", expected="what edgeemo teach writes (.npz)"
            ) from error
        shape: tuple[int, ...] = (len(digests), len(labels))
        told = f"probabilities of {len(digests):,} images and {len(labels)} classes"
        if views:
            shape, told = (views.number, *shape), f"{told} in {views.number} versions"
        if probabilities.shape != shape or (views and views.images != len(digests)):
            raise DataError(
                f"{file} is damaged", expected=told, got=" x ".join(map(str, probabilities.shape)) or "one number"
            )
        sums = probabilities.sum(axis=-1)
        if teachers < 1:
            raise DataError(f"{file} is damaged", expected="the answers of one teacher or more", got=str(teachers))
        if not (np.isfinite(sums).all() and (probabilities >= 0).all() and np.allclose(sums, 1, atol=1e-2)):
            raise DataError(
                f"{file} does not hold probabilities",
                expected="rows of numbers from 0 to 1 that sum to 1",
                hint="write a softmax, not its logits",
            )
        return cls(labels, digests, probabilities / sums[..., None], views, teachers)

    def write(self, path: Path) -> None:
        """As :meth:`read` reads it; half precision, in which 25,000 images take 0.6 MB, and each version 0.4."""
        shown = {"views": np.array(self.views.to_json())} if self.views else {}
        with atomic_path(path) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(
                stream,
                allow_pickle=False,
                labels=np.array(self.labels),
                digests=np.array(self.digests),
                probabilities=self.probabilities.astype(np.float16),
                teachers=np.array(self.teachers),
                **shown,
            )

    def with_others(self, others: Sequence[Teaching]) -> Teaching:
        """The mean with what other teachers said of the same, each teacher with the same weight.

        Args:
            others: of the same images in the same versions, in any order; those of other images are left out.
        """
        total = self.probabilities * self.teachers
        for other in others:
            rows = {digest: row for row, digest in enumerate(other.digests)}
            columns = [other.labels.index(label) for label in self.labels]
            found = [rows[digest] for digest in self.digests]
            total = total + other.probabilities[..., found, :][..., columns] * other.teachers
        teachers = self.teachers + sum(other.teachers for other in others)
        return replace(self, probabilities=np.asarray(total / teachers, np.float32), teachers=teachers)

    def rows(self, dataset: Dataset) -> np.ndarray:
        """Where the images of a data set stand here, int64 (n,).

        Raises:
            DataError: other classes, or images that the teachers were not shown.
        """
        if sorted(self.labels) != sorted(dataset.labels):
            raise DataError(
                "the teacher tells other classes apart",
                expected=", ".join(dataset.labels),
                got=", ".join(self.labels),
                hint="let networks teach that were trained on these classes",
            )
        rows = {digest: row for row, digest in enumerate(self.digests)}
        found = [rows.get(sample.digest, -1) for sample in dataset.samples]
        if unknown := found.count(-1):
            raise DataError(
                f"the teacher was not shown {unknown:,} of {len(found):,} training images",
                hint="make its file anew from this data: edgeemo teach RUN... --data ... --out FILE",
            )
        return np.array(found, np.int64)

    def targets(self, dataset: Dataset, *, weight: float, temperature: float) -> np.ndarray:
        """Soft targets: the teachers' probabilities, softened, and the data set's own targets for the rest.

        Args:
            dataset: images that the teachers know.
            weight: of the teachers, 0 to 1.
            temperature: softens: the probabilities of the same logits divided by it.

        Returns:
            float32 (n, classes) in the data set's order of labels; with views (versions, n, classes).

        Raises:
            EdgeemoError: other classes, or images that the teachers were not shown.
        """
        rows = self.rows(dataset)
        columns = [self.labels.index(label) for label in dataset.labels]
        raised = np.maximum(self.probabilities[..., rows, :][..., columns], _EPSILON) ** (1 / temperature)
        own = np.eye(len(dataset.labels), dtype=np.float32)[dataset.targets] if dataset.soft is None else dataset.soft
        if self.views and self.views.blend:
            own = _own_of_blends(own, self.views, rows)
        mixed = weight * raised / raised.sum(axis=-1, keepdims=True) + (1 - weight) * own
        return np.asarray(mixed, np.float32)


@dataclass(frozen=True)
class Taught:
    """What a training learns from.

    Args:
        train: the training role, with soft targets if a teacher gave some for the images as they are.
        lesson: versions of the images and their targets, if a teacher was shown versions.
        hashes: the SHA-256 of the teacher's file under ``teacher``, if there is one.
    """

    train: Dataset
    lesson: Lesson | None = None
    hashes: dict[str, str] = field(default_factory=dict)


def taught(recipe: Recipe, file: str, train: Dataset) -> Taught:
    """The training role with what a teacher says of it, if the recipe gives a teacher weight.

    Args:
        recipe: weight and temperature, and how images are changed.
        file: from ``edgeemo teach``, or empty.
        train: the training role.

    Raises:
        DataError: a weight without a file, a file without a weight, or a file of other images or versions.
    """
    settings = recipe.loss
    if not settings.teacher:
        if file:
            raise RecipeError(
                "the recipe gives the teacher no weight", hint="give it one, as --set loss.teacher=0.7, or no --teacher"
            )
        return Taught(train)
    if not file:
        raise RecipeError(
            "the recipe learns from a teacher (loss.teacher) but there is none",
            hint="give --teacher FILE, as edgeemo teach writes it, or --set loss.teacher=0",
        )
    teaching, hashes = Teaching.read(file), {"teacher": sha256_file(file)}
    targets = teaching.targets(train, weight=settings.teacher, temperature=settings.teacher_temperature)
    if not teaching.views:
        return Taught(replace(train, soft=targets), hashes=hashes)
    teaching.views.hold_to(recipe, file)
    rows = teaching.rows(train)
    if teaching.views.version(0, rows).whole.mean() < _WHOLE:
        raise DataError(
            f"{file} tells of images blended with others that this training does not have",
            expected=f"most of the teachers' {teaching.views.images:,} images",
            got=f"{len(rows):,}",
            hint="train on all of them, or make a file of these alone, or one without --blend",
        )
    return Taught(train, Lesson(teaching.views, rows, targets), hashes)


def _own_of_blends(targets: np.ndarray, views: Views, rows: np.ndarray) -> np.ndarray:
    """The data set's own targets of the blends, float32 (versions, n, classes); wrong where the partner is missing."""
    every, weights = np.arange(len(rows)), np.ones(len(rows), np.float32)
    versions = [views.version(view, rows) for view in range(views.number)]
    return np.stack([version.targets(every, targets, weights)[0] for version in versions])
