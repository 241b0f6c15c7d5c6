"""Roles: what may be trained on, selected on, calibrated on and tested on. Drawn by seed, never overlapping."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ...edge.errors import EdgeemoError
from .dataset import Dataset, class_counts


@dataclass(frozen=True)
class TrainingData:
    """What training code is given. There is no test set in it: selection cannot see one.

    Args:
        train: pictures to learn from.
        validation: pictures to select on (learning rate, stopping, best epoch).
    """

    train: Dataset
    validation: Dataset

    @property
    def hashes(self) -> dict[str, str]:
        """Role -> content hash."""
        return {"train": self.train.content_hash, "validation": self.validation.content_hash}


def training_data(dataset: Dataset, *, validation: float = 0.1, seed: int = 0) -> TrainingData:
    """Training and validation roles of a data set.

    A ``validation`` split that the source already has is used as it is; otherwise one is carved from ``train``,
    stratified by class. Pixel-identical pictures stay on one side.

    Args:
        dataset: with a split ``train`` (or ``all``, when the source has no splits).
        validation: fraction to carve, between 0 and 0.5.
        seed: of the draw.

    Raises:
        EdgeemoError: no training pictures, a fraction out of range, or a class that is too small to be divided.
    """
    if not 0 < validation <= 0.5:
        raise EdgeemoError("validation fraction out of range", expected="above 0, at most 0.5", got=str(validation))
    splits = {sample.split for sample in dataset.samples}
    pool = dataset.split("train" if "train" in splits else "all")
    if "validation" in splits:
        return TrainingData(pool, dataset.split("validation"))
    chosen = set(_draw(pool, validation, seed))
    rest = [index for index in range(len(pool)) if index not in chosen]
    data = TrainingData(pool.take(rest), pool.take(sorted(chosen)))
    for label in range(len(pool.labels)):
        if not (data.train.targets == label).any():
            raise EdgeemoError(
                f"class {pool.labels[label]!r} of {pool.name} is too small to be divided",
                expected="at least two different pictures",
                mend="add pictures or leave the class out",
            )
    return data


def calibration_set(train: Dataset, *, size: int = 500, seed: int = 0) -> Dataset:
    """A calibration (representative) set: stratified by class in proportion, drawn from training pictures only.

    Args:
        train: the training role.
        size: number of pictures; all of them when there are fewer.
        seed: of the draw.

    Raises:
        EdgeemoError: size below 1.
    """
    return stratified(train, size, seed=seed)


def stratified(dataset: Dataset, size: int, *, seed: int = 0) -> Dataset:
    """``size`` pictures in the proportion of the classes; all when there are fewer.

    The seats of the classes are dealt by largest remainders, and none goes without while there are enough for all.

    Raises:
        EdgeemoError: size below 1.
    """
    if size < 1:
        raise EdgeemoError("number of pictures out of range", expected="at least 1", got=str(size))
    if size >= len(dataset):
        return dataset
    targets = dataset.targets
    chosen: list[int] = []
    for label, seats in enumerate(_seats(class_counts(dataset), size)):
        # Sorted by content, so that the draw does not depend on the order in which files were found.
        pool = sorted(np.flatnonzero(targets == label), key=lambda index: dataset.samples[index].digest)
        chosen += [int(index) for index in np.random.default_rng([seed, label]).permutation(pool)[:seats]]
    return dataset.take(sorted(chosen))


def _seats(counts: np.ndarray, size: int) -> np.ndarray:
    exact = counts * (size / counts.sum())
    seats = np.floor(exact).astype(int)
    for label in np.argsort(seats - exact, kind="stable")[: size - seats.sum()]:
        seats[label] += 1
    for label in np.flatnonzero((seats == 0) & (counts > 0)):
        largest = int(seats.argmax())
        if seats[largest] > 1:
            seats[largest] -= 1
            seats[label] = 1
    return seats


def _draw(dataset: Dataset, share: float, seed: int) -> list[int]:
    """Positions of a share of each class, at least one picture of it, copies of one picture kept together."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(dataset.samples):
        groups[sample.digest].append(index)
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for members in groups.values():
        # Copies with conflicting labels go with the first label: what matters is that they are not separated.
        by_class[dataset.samples[members[0]].label].append(members)
    chosen: list[int] = []
    for label in sorted(by_class):
        # Sorted by digest, so that the draw does not depend on the order in which files were found.
        pool = sorted(by_class[label], key=lambda members: dataset.samples[members[0]].digest)
        target, taken = max(1, round(share * sum(map(len, pool)))), 0
        for position in np.random.default_rng([seed, label]).permutation(len(pool)):
            if taken >= target:
                break
            chosen += pool[position]
            taken += len(pool[position])
    return chosen
