"""Splits: drawn by seed, never overlapping, fair to the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.splits import calibration_set, stratified, training_data

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import LabeledImage, MakeDataset


def faces(split: str, label: str, n: int, *, seed: int) -> list[LabeledImage]:
    rng = np.random.default_rng(seed)
    return [(split, label, rng.integers(0, 256, (4, 4), np.uint8)) for _ in range(n)]


def keys(dataset: Dataset) -> set[str]:
    return {sample.key for sample in dataset.samples}


def digests(dataset: Dataset) -> set[str]:
    return {sample.digest for sample in dataset.samples}


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    """100 and 20 training, 10 and 10 test images of two classes."""
    images = faces("train", "many", 100, seed=1) + faces("train", "few", 20, seed=2)
    return make_dataset(images + faces("test", "many", 10, seed=3) + faces("test", "few", 10, seed=4))


def test_splits_divide_the_training_images(dataset: Dataset) -> None:
    splits = training_data(dataset)
    assert not keys(splits.train) & keys(splits.validation)
    assert keys(splits.train) | keys(splits.validation) == keys(dataset.split("train"))


@pytest.mark.parametrize(("fraction", "many", "few"), [(0.1, 10, 2), (0.25, 25, 5), (0.5, 50, 10), (0.001, 1, 1)])
def test_validation_has_its_share_of_every_class(dataset: Dataset, fraction: float, many: int, few: int) -> None:
    splits = training_data(dataset, validation=fraction)
    assert splits.validation.counts == {"train": {"few": few, "many": many}}


def test_the_seed_decides(dataset: Dataset) -> None:
    drawn = [keys(training_data(dataset, seed=seed).validation) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_order_of_the_files_does_not(dataset: Dataset) -> None:
    shuffled = dataset.take(np.random.default_rng(0).permutation(len(dataset)))
    assert training_data(dataset).hashes == training_data(shuffled).hashes


@pytest.mark.parametrize("seed", range(5))
def test_identical_images_stay_together(make_dataset: MakeDataset, seed: int) -> None:
    twins = [image for image in faces("train", "a", 20, seed=1) for _ in range(2)]
    rest = faces("train", "b", 20, seed=2)
    # The other label of a copy does not let it change sides.
    liars = [("train", "b", pixels) for _, _, pixels in twins[::4]]
    splits = training_data(make_dataset(twins + rest + liars), validation=0.3, seed=seed)
    assert not digests(splits.train) & digests(splits.validation)


def test_a_validation_split_of_the_source_is_used(make_dataset: MakeDataset) -> None:
    given = faces("validation", "a", 3, seed=5)
    splits = training_data(make_dataset(faces("train", "a", 9, seed=6) + given))
    assert (len(splits.train), len(splits.validation)) == (9, 3)
    assert {sample.split for sample in splits.validation.samples} == {"validation"}


def test_a_source_without_splits_is_for_training(make_dataset: MakeDataset) -> None:
    splits = training_data(make_dataset(faces("all", "a", 10, seed=1) + faces("all", "b", 10, seed=2)))
    assert (len(splits.train), len(splits.validation)) == (18, 2)


@pytest.mark.parametrize("copies", [1, 3])
def test_a_class_of_one_image_cannot_be_divided(make_dataset: MakeDataset, copies: int) -> None:
    lonely = faces("train", "rare", 1, seed=1) * copies
    with raises(EdgeemoError, problem="class 'rare' of made is too small to be divided"):
        training_data(make_dataset(lonely + faces("train", "usual", 10, seed=2)))


@pytest.mark.parametrize("fraction", [0, -0.1, 0.51, 1.0, float("nan")])
def test_a_fraction_out_of_range_is_refused(dataset: Dataset, fraction: float) -> None:
    with raises(EdgeemoError, problem="validation fraction out of range"):
        training_data(dataset, validation=fraction)


def test_a_source_without_training_images_is_refused(make_dataset: MakeDataset) -> None:
    with raises(EdgeemoError, problem="made has no images in split 'all'"):
        training_data(make_dataset(faces("test", "a", 5, seed=1)))


@pytest.mark.parametrize(
    ("size", "many", "few"), [(60, 50, 10), (12, 10, 2), (7, 6, 1), (3, 2, 1), (2, 1, 1), (1, 1, 0), (999, 100, 20)]
)
def test_calibration_is_in_proportion_and_has_every_class(dataset: Dataset, size: int, many: int, few: int) -> None:
    assert calibration_set(dataset.split("train"), size=size).counts == {"train": {"few": few, "many": many}}


def test_calibration_comes_from_the_training_split_alone(dataset: Dataset) -> None:
    splits = training_data(dataset)
    assert keys(calibration_set(splits.train, size=50)) < keys(splits.train)


def test_calibration_is_drawn_by_the_seed(dataset: Dataset) -> None:
    train = dataset.split("train")
    hashes = [calibration_set(train, size=30, seed=seed).content_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("size", [0, -5])
def test_no_images_cannot_be_drawn(dataset: Dataset, size: int) -> None:
    with raises(EdgeemoError, problem="number of images out of range$", expected="^at least 1"):
        stratified(dataset, size)
