"""Soft targets: teachers' probabilities of the training images, in a file.

Knowledge distillation (Hinton, Vinyals and Dean 2015, arXiv:1503.02531) with teachers that are asked once (see
:mod:`.teachers`): their mean probabilities are kept by the pixels of each image, so that the teachers may be slow,
many, and of any framework.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError, RecipeError
from ...edge.common.files import atomic_path, existing, sha256_file
from ...edge.inference.probabilities import apply_temperature
from ..config.recipe import Recipe
from ..datasets.dataset import Dataset
from ..inputs.views import Views, ViewTargets

#: Share of mixed images whose partner the student must have; they stand in for the others.
_COMPLETE = 0.5


@dataclass(frozen=True)
class SoftTargets:
    """Teachers' probabilities of images.

    Args:
        labels: class names in the order of the columns.
        digests: digest of each image (:attr:`edgeemo.train.datasets.dataset.Sample.digest`).
        probabilities: float32 (n, classes), rows that sum to 1; with ``views`` (views, n, classes).
        views: views that the teachers saw, or None: the images as they are.
        teachers: number of networks whose mean this is.
    """

    labels: tuple[str, ...]
    digests: tuple[str, ...]
    probabilities: np.ndarray
    views: Views | None = None
    teachers: int = 1

    @classmethod
    def read(cls, path: str | Path) -> SoftTargets:
        """Read a .npz with arrays ``labels`` (text), ``digests`` (text) and ``probabilities`` (float, n x classes).

        With views it has ``views`` too (JSON), and probabilities of views x n x classes; ``teachers`` (a number) where
        they are the mean of several.

        Args:
            path: file to read.

        Raises:
            DataError: not there, or not such a file.
        """
        file = existing(path, "soft targets from edgeemo distill (.npz)")
        try:
            with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                labels, digests = (tuple(map(str, arrays[name])) for name in ("labels", "digests"))
                probabilities = np.asarray(arrays["probabilities"], np.float32)
                views = Views.from_json(str(arrays["views"]), str(file)) if "views" in arrays else None
                teachers = int(arrays["teachers"]) if "teachers" in arrays else 1
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{file} is not a file of soft targets ({error})", expected="a .npz from edgeemo distill"
            ) from error
        shape: tuple[int, ...] = (len(digests), len(labels))
        promised = f"probabilities of {len(digests):,} images and {len(labels)} classes"
        if views:
            shape, promised = (views.count, *shape), f"{promised} in {views.count} views"
        if probabilities.shape != shape or (views and views.images != len(digests)):
            raise DataError(
                f"{file} is damaged", expected=promised, got=" x ".join(map(str, probabilities.shape)) or "one number"
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
        """Write what :meth:`read` reads, in half precision: 25,000 images take 0.6 MB, and each view 0.4.

        Args:
            path: file to write.
        """
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

    def merged(self, others: Sequence[SoftTargets]) -> SoftTargets:
        """Return the mean with other teachers' probabilities, each teacher with the same weight.

        Args:
            others: soft targets of the same images in the same views, in any order; further images are left out.
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
        """Return the number of each image of a data set in these soft targets, int64 (n,).

        Raises:
            DataError: other classes, or images that the teachers did not see.
        """
        if sorted(self.labels) != sorted(dataset.labels):
            raise DataError(
                "the teachers have other classes",
                expected=", ".join(dataset.labels),
                got=", ".join(self.labels),
                hint="take teachers that were trained on these classes",
            )
        rows = {digest: row for row, digest in enumerate(self.digests)}
        found = [rows.get(sample.digest, -1) for sample in dataset.samples]
        if unknown := found.count(-1):
            raise DataError(
                f"the teachers did not see {unknown:,} of {len(found):,} training images",
                hint="make their file again from this data: edgeemo distill RUN... --data ... --out FILE",
            )
        return np.array(found, np.int64)

    def targets(self, dataset: Dataset, *, weight: float, temperature: float) -> np.ndarray:
        """Return targets: the teachers' probabilities, softened, and the data set's own targets for the rest.

        Args:
            dataset: images that the teachers saw.
            weight: weight of the teachers, 0 to 1.
            temperature: softens: the probabilities of the same logits divided by it.

        Returns:
            float32 (n, classes) in the data set's order of labels; with views (views, n, classes).

        Raises:
            DataError: other classes, or images that the teachers did not see.
        """
        rows = self.rows(dataset)
        columns = [self.labels.index(label) for label in dataset.labels]
        softened = apply_temperature(self.probabilities[..., rows, :][..., columns], temperature)
        own = np.eye(len(dataset.labels), dtype=np.float32)[dataset.targets] if dataset.soft is None else dataset.soft
        if self.views and self.views.mixup:
            own = _mixed_labels(own, self.views, rows)
        mixed = weight * softened + (1 - weight) * own
        return np.asarray(mixed, np.float32)


@dataclass(frozen=True)
class DistillationTargets:
    """Targets of a training.

    Args:
        train: training split, with soft targets if teachers saw the images as they are.
        views: views of the images and their targets, if teachers saw views.
        hashes: SHA-256 of the file of soft targets under ``teacher``, if there is one.
    """

    train: Dataset
    views: ViewTargets | None = None
    hashes: dict[str, str] = field(default_factory=dict)


def load_targets(recipe: Recipe, file: str, train: Dataset) -> DistillationTargets:
    """Return the training split with teachers' soft targets, if the recipe gives a teacher weight.

    Args:
        recipe: recipe of the student: weight, temperature and augmentation.
        file: soft targets from ``edgeemo distill``, or empty.
        train: training split.

    Raises:
        DataError: soft targets of other images or views.
        RecipeError: a weight without a file, or a file without a weight.
    """
    settings = recipe.loss
    if not settings.teacher:
        if file:
            raise RecipeError(
                "the recipe gives the teacher no weight", hint="give it one, as --set loss.teacher=0.7, or no --teacher"
            )
        return DistillationTargets(train)
    if not file:
        raise RecipeError(
            "the recipe learns from a teacher (loss.teacher) but there is none",
            hint="give --teacher FILE, as edgeemo distill writes it, or --set loss.teacher=0",
        )
    soft, hashes = SoftTargets.read(file), {"teacher": sha256_file(file)}
    targets = soft.targets(train, weight=settings.teacher, temperature=settings.teacher_temperature)
    if not soft.views:
        return DistillationTargets(replace(train, soft=targets), hashes=hashes)
    soft.views.verify(recipe, file)
    rows = soft.rows(train)
    if soft.views.view(0, rows).complete.mean() < _COMPLETE:
        raise DataError(
            f"{file} has images mixed with others that this training does not have",
            expected=f"most of the teachers' {soft.views.images:,} images",
            got=f"{len(rows):,}",
            hint="train on all of them, or make a file of these alone, or one without --mixup",
        )
    return DistillationTargets(train, ViewTargets(soft.views, rows, targets), hashes)


def _mixed_labels(targets: np.ndarray, views: Views, rows: np.ndarray) -> np.ndarray:
    """The data set's own targets of mixed images, float32 (views, n, classes); wrong where the partner is missing."""
    every, weights = np.arange(len(rows)), np.ones(len(rows), np.float32)
    each = (views.view(index, rows) for index in range(views.count))
    return np.stack([view.targets(every, targets, weights)[0] for view in each])
