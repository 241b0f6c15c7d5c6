"""What trained networks say of the training pictures: soft targets for a smaller network to learn from.

Knowledge distillation (Hinton, Vinyals and Dean 2015, arXiv:1503.02531) with teachers that are asked once: their mean
probabilities are kept in a file by the pixels of each picture, so that the teachers may be slow, many, and of any
framework. The student sees changed pictures, the teachers saw them as they are and mirrored.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..edge.errors import EdgeemoError
from ..edge.files import atomic_path, existing, sha256_file
from .datasets.dataset import Dataset
from .fitted import fitted_pixels
from .predictor import Predictor
from .sections import Loss

#: Pictures that the teachers are shown at once.
_BATCH = 256
_EPSILON = 1e-7  # as in Keras's cross-entropy


@dataclass(frozen=True)
class Teaching:
    """Probabilities of pictures.

    Args:
        labels: class names in the order of the columns.
        digests: of the pictures (:attr:`edgeemo.train.datasets.dataset.Sample.digest`).
        probabilities: float32 (n, classes), rows that sum to 1.
    """

    labels: tuple[str, ...]
    digests: tuple[str, ...]
    probabilities: np.ndarray

    @classmethod
    def read(cls, path: str | Path) -> Teaching:
        """From a .npz with arrays ``labels`` (text), ``digests`` (text) and ``probabilities`` (float, n x classes).

        Raises:
            EdgeemoError: not there, or not such a file.
        """
        file = existing(path, "what edgeemo teach has written (.npz)")
        try:
            with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                labels, digests = (tuple(map(str, arrays[name])) for name in ("labels", "digests"))
                probabilities = np.asarray(arrays["probabilities"], np.float32)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise EdgeemoError(
                f"{file} is not a teacher's file ({error})", expected="what edgeemo teach writes (.npz)"
            ) from error
        if probabilities.shape != (len(digests), len(labels)):
            raise EdgeemoError(
                f"{file} is damaged",
                expected=f"probabilities of {len(digests):,} pictures and {len(labels)} classes",
                got=" x ".join(map(str, probabilities.shape)),
            )
        sums = probabilities.sum(axis=1)
        if not (np.isfinite(sums).all() and (probabilities >= 0).all() and np.allclose(sums, 1, atol=1e-2)):
            raise EdgeemoError(
                f"{file} does not hold probabilities",
                expected="rows of numbers from 0 to 1 that sum to 1",
                mend="write a softmax, not its logits",
            )
        return cls(labels, digests, probabilities / sums[:, None])

    def write(self, path: Path) -> None:
        """As :meth:`read` reads it; half precision, which 25,000 pictures fill 0.6 MB with."""
        with atomic_path(path) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(
                stream,
                labels=np.array(self.labels),
                digests=np.array(self.digests),
                probabilities=self.probabilities.astype(np.float16),
            )

    def targets(self, dataset: Dataset, *, weight: float, temperature: float) -> np.ndarray:
        """Soft targets: the teachers' probabilities, softened, and the data set's own targets for the rest.

        Args:
            dataset: pictures that the teachers know.
            weight: of the teachers, 0 to 1.
            temperature: softens: the probabilities of the same logits divided by it.

        Returns:
            float32 (n, classes) in the data set's order of labels.

        Raises:
            EdgeemoError: other classes, or pictures that the teachers were not shown.
        """
        if sorted(self.labels) != sorted(dataset.labels):
            raise EdgeemoError(
                "the teacher tells other classes apart",
                expected=", ".join(dataset.labels),
                got=", ".join(self.labels),
                mend="let networks teach that were trained on these classes",
            )
        rows = {digest: row for row, digest in enumerate(self.digests)}
        found = [rows.get(sample.digest, -1) for sample in dataset.samples]
        if unknown := found.count(-1):
            raise EdgeemoError(
                f"the teacher was not shown {unknown:,} of {len(found):,} training pictures",
                mend="make its file anew from this data: edgeemo teach RUN... --data ... --out FILE",
            )
        columns = [self.labels.index(label) for label in dataset.labels]
        raised = np.maximum(self.probabilities[found][:, columns], _EPSILON) ** (1 / temperature)
        own = np.eye(len(dataset.labels), dtype=np.float32)[dataset.targets] if dataset.soft is None else dataset.soft
        mixed = weight * raised / raised.sum(axis=1, keepdims=True) + (1 - weight) * own
        return np.asarray(mixed, np.float32)


def teach(
    teachers: Sequence[Predictor],
    dataset: Dataset,
    *,
    mirrored: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Teaching:
    """Ask trained networks about every picture; copies of one picture are asked about once.

    Args:
        teachers: the mean of their probabilities is taken. Each may have an input of its own.
        dataset: the pictures.
        mirrored: ask about the mirror image too.
        progress: told (done, all) before each batch of a teacher.

    Raises:
        EdgeemoError: a teacher tells other classes apart.
    """
    first: dict[str, int] = {}
    for index, sample in enumerate(dataset.samples):
        first.setdefault(sample.digest, index)
    chosen = dataset.take(first.values())
    total = np.zeros((len(chosen), len(dataset.labels)))
    steps = -(-len(chosen) // _BATCH)
    for number, teacher in enumerate(teachers):
        labels = teacher.card.labels
        if sorted(labels) != sorted(dataset.labels):
            raise EdgeemoError(
                f"{teacher.card.name} cannot teach these pictures",
                expected="a network for " + ", ".join(dataset.labels),
                got="one for " + ", ".join(labels),
            )
        columns = [labels.index(label) for label in dataset.labels]
        pixels = fitted_pixels(chosen, teacher.card.input)
        for step in range(steps):
            if progress:
                progress(number * steps + step, len(teachers) * steps)
            rows = np.arange(step * _BATCH, min((step + 1) * _BATCH, len(chosen)))
            views = [pixels[rows], pixels[rows][:, :, ::-1]] if mirrored else [pixels[rows]]
            for view in views:
                total[rows] += teacher.predict(np.ascontiguousarray(view))[:, columns] / (len(views) * len(teachers))
    return Teaching(dataset.labels, tuple(first), total.astype(np.float32))


def taught(settings: Loss, file: str, train: Dataset) -> tuple[Dataset, dict[str, str]]:
    """The training role with what a teacher says of it, if the recipe gives a teacher weight.

    Args:
        settings: weight and temperature.
        file: from ``edgeemo teach``, or empty.
        train: the training role.

    Returns:
        The role, and the SHA-256 of the file under ``teacher``.

    Raises:
        EdgeemoError: a weight without a file, a file without a weight, or a file of other pictures.
    """
    if not settings.teacher:
        if file:
            raise EdgeemoError(
                "the recipe gives the teacher no weight", mend="give it one, as --set loss.teacher=0.7, or no --teacher"
            )
        return train, {}
    if not file:
        raise EdgeemoError(
            "the recipe learns from a teacher (loss.teacher) but there is none",
            mend="give --teacher FILE, as edgeemo teach writes it, or --set loss.teacher=0",
        )
    teaching = Teaching.read(file)
    soft = teaching.targets(train, weight=settings.teacher, temperature=settings.teacher_temperature)
    return replace(train, soft=soft), {"teacher": sha256_file(file)}
