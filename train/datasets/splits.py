"""Splits for training, validation, calibration and test. Drawn by seed, never overlapping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...edge.common.errors import DataError, EdgeemoError, OptionError
from ...edge.model.card import ModelCard
from .dataset import Dataset, class_counts
from .sampling import draw, fold_numbers

#: Keeps the draw of a test split apart from that of a validation split by the same seed.
_TEST_STREAM = 1


@dataclass(frozen=True)
class Holdout:
    """A test split that is drawn from a source without one.

    It depends on the source, the share and the seed alone: which classes or angles of the source are used, and which
    training images are left out, is decided afterwards and moves nobody from one split to another.

    Args:
        share: fraction of the images, above 0 and at most 0.5.
        seed: of the draw.
    """

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 0.5:
            raise DataError("test fraction out of range", expected="above 0, at most 0.5", got=str(self.share))

    @staticmethod
    def needed_by(dataset: Dataset) -> bool:
        """Return whether the source has no test split of its own."""
        return all(sample.split != "test" for sample in dataset.samples)

    def carve(self, dataset: Dataset) -> Dataset:
        """Divide the images into the splits ``train`` and ``test`` (a ``validation`` split stays as it is).

        Stratified by class. Nobody and no image stands in both; see :func:`sampling.draw`.

        Raises:
            DataError: nothing to draw from, or nothing would be left.
        """
        pool = "train" if any(sample.split == "train" for sample in dataset.samples) else "all"
        places = [index for index, sample in enumerate(dataset.samples) if sample.split == pool]
        if not places:
            raise DataError(f"{dataset.name} has no images to draw a test split from", expected=f"split {pool}")
        tested = {places[index] for index in draw(dataset.take(places), self.share, self.seed, _TEST_STREAM)}
        if len(tested) == len(places):
            raise DataError(f"{dataset.name} is too small to be divided", expected="images of at least two people")
        chosen = set(places)
        samples = [
            # The source's name of the split would let `--split train` find a test image.
            replace(s, split="test", part="") if i in tested else replace(s, split="train") if i in chosen else s
            for i, s in enumerate(dataset.samples)
        ]
        return replace(dataset, samples=tuple(samples))

    def to_dict(self) -> dict[str, Any]:
        """Return the holdout as a dict for the model's card."""
        return asdict(self)


def holdout_of(cards: Iterable[ModelCard]) -> Holdout | None:
    """Return the test split that the trainings of some models left out by their cards; None when none has one.

    Raises:
        DataError: they left out different ones, so that no images are new to all of them.
    """
    found = {_recorded(card) for card in cards if card.provenance.holdout}
    if len(found) > 1:
        raise DataError(
            "the models were trained with different test splits",
            expected="one share and one seed",
            got="; ".join(sorted(f"{h.share:g} by seed {h.seed}" for h in found)),
            hint="train them with the same data.test and --seed, or measure on a source with a test split",
        )
    return next(iter(found), None)


def _recorded(card: ModelCard) -> Holdout:
    try:
        return Holdout(**card.provenance.holdout)
    except (TypeError, EdgeemoError) as error:
        raise DataError(
            f"the card of {card.name} tells a test split that cannot be drawn",
            expected="share (above 0, at most 0.5) and seed",
            got=str(card.provenance.holdout),
        ) from error


@dataclass(frozen=True)
class TrainingData:
    """Data for training code. There is no test set in it: selection cannot see one.

    Args:
        train: images to learn from.
        validation: images to select on (learning rate, stopping, best epoch).
        holdout: how a test split was left out of a source without a test split, if so.
        test_hash: content hash of that split.
    """

    train: Dataset
    validation: Dataset
    holdout: Holdout | None = None
    test_hash: str = ""

    @property
    def hashes(self) -> dict[str, str]:
        """Split -> content hash."""
        found = {"train": self.train.content_hash, "validation": self.validation.content_hash}
        return {**found, "test": self.test_hash} if self.test_hash else found


def training_data(
    dataset: Dataset, *, validation: float = 0.1, seed: int = 0, folds: int = 0, fold: int = 0
) -> TrainingData:
    """Return the training and validation splits of a data set.

    A ``validation`` split that the source already has is used as it is; otherwise one is carved from ``train``,
    stratified by class. Pixel-identical images and the images of one person stay on one side. The validation split
    carries no soft targets: what is selected on is measured by labels.

    Args:
        dataset: with a split ``train`` (or ``all``, when the source has no splits).
        validation: fraction to carve, between 0 and 0.5.
        seed: of the draw.
        folds, fold: with ``folds`` above 0, the validation split is number ``fold`` (from 0) of so many equal parts of
            all that is not in the test split, and ``validation`` is not used.

    Raises:
        OptionError: no training images, a number out of range, or a class that is too small to be divided.
    """
    if not 0 < validation <= 0.5:
        raise DataError("validation fraction out of range", expected="above 0, at most 0.5", got=str(validation))
    splits = {sample.split for sample in dataset.samples}
    if folds:
        return _fold(dataset.where(lambda sample: sample.split != "test"), folds, fold, seed)
    pool = dataset.split("train" if "train" in splits else "all")
    if "validation" in splits:
        return TrainingData(pool, replace(dataset.split("validation"), soft=None))
    return _divided(pool, draw(pool, validation, seed))


def _fold(pool: Dataset, folds: int, fold: int, seed: int) -> TrainingData:
    if not 0 <= fold < folds:
        raise DataError("fold out of range", expected=f"0 to {folds - 1}", got=str(fold))
    return _divided(pool, np.flatnonzero(fold_numbers(pool, folds, seed) == fold).tolist())


def _divided(pool: Dataset, validation: list[int]) -> TrainingData:
    chosen = set(validation)
    rest = [index for index in range(len(pool)) if index not in chosen]
    data = TrainingData(pool.take(rest), replace(pool.take(sorted(chosen)), soft=None))
    for label in range(len(pool.labels)):
        if not (data.train.targets == label).any():
            raise DataError(
                f"class {pool.labels[label]!r} of {pool.name} is too small to be divided",
                expected="at least two different images"
                + (", of two people" if any(sample.group for sample in pool.samples) else ""),
                hint="add images or leave the class out",
            )
    return data


def calibration_set(train: Dataset, *, size: int = 500, seed: int = 0) -> Dataset:
    """Draw a calibration (representative) set from the training images, stratified by class in proportion.

    Args:
        train: the training split.
        size: number of images; all of them when there are fewer.
        seed: of the draw.

    Raises:
        EdgeemoError: size below 1.
    """
    return stratified(train, size, seed=seed)


def stratified(dataset: Dataset, size: int, *, seed: int = 0) -> Dataset:
    """Draw ``size`` images in the proportion of the classes; all when there are fewer.

    The seats of the classes are dealt by largest remainders, and none goes without while there are enough for all.

    Raises:
        OptionError: size below 1.
    """
    if size < 1:
        raise OptionError("number of images out of range", expected="at least 1", got=str(size))
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
