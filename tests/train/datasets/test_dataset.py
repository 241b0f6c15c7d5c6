"""The data set itself: its hash, its splits, its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec, fit
from edgeemo.train.commands.data import counts_table
from edgeemo.train.datasets.dataset import Dataset, class_counts, pixel_digest

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import MakeDataset


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    """Images of four sizes, gray and RGB."""
    rng = np.random.default_rng(0)
    shapes = [(48, 48), (60, 50), (20, 70, 3), (10, 10)]
    images = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    return make_dataset(zip(("train", "train", "test", "test"), "abab", images, strict=True))


@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_pixels_are_fitted_as_on_the_device(dataset: Dataset, channels: str) -> None:
    spec = InputSpec(24, 32, channels)
    pixels = dataset.pixels(spec)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, [fit(image, spec) for image in dataset.images])


def test_the_hash_does_not_depend_on_the_order(dataset: Dataset) -> None:
    assert dataset.take([3, 1, 0, 2]).content_hash == dataset.content_hash


@pytest.mark.parametrize("indices", [[0, 1, 2], [0, 1, 2, 3, 3]])
def test_the_hash_depends_on_every_image(dataset: Dataset, indices: list[int]) -> None:
    assert dataset.take(indices).content_hash != dataset.content_hash


def test_images_of_equal_bytes_and_other_shape_differ() -> None:
    flat = np.arange(12, dtype=np.uint8)
    assert pixel_digest(flat.reshape(3, 4)) != pixel_digest(flat.reshape(4, 3))


def test_take_keeps_images_with_their_samples(dataset: Dataset) -> None:
    taken = dataset.take([2, 0])
    assert [pixel_digest(image) for image in taken.images] == [sample.digest for sample in taken.samples]
    assert [sample.key for sample in taken.samples] == ["image 2", "image 0"]


def test_a_split_that_is_not_there_is_refused(dataset: Dataset) -> None:
    with raises(EdgeemoError, problem="made has no images in split 'validation'$", expected="^test or train"):
        dataset.split("validation")


@pytest.mark.parametrize(
    ("labels", "targets"), [(("a", "b"), [0, 1, 0, 1]), (("b", "a"), [1, 0, 1, 0]), (("b", "c", "a"), [2, 0, 2, 0])]
)
def test_labels_are_numbered_as_the_model_s(dataset: Dataset, labels: tuple[str, ...], targets: list[int]) -> None:
    relabeled = dataset.relabeled(labels)
    assert (relabeled.labels, relabeled.targets.tolist()) == (labels, targets)


def test_a_class_that_the_model_does_not_know_is_refused(dataset: Dataset) -> None:
    with raises(EdgeemoError, problem="made has classes that the model does not know: b$", expected="^a subset of a"):
        dataset.relabeled(("a", "z"))


def test_classes_without_images_count_as_none(dataset: Dataset) -> None:
    assert class_counts(dataset.relabeled(("a", "none", "b"))).tolist() == [2, 0, 2]


def test_counts_table_has_totals(dataset: Dataset) -> None:
    assert counts_table(dataset.counts).splitlines()[-1].split() == ["total", "2", "2"]
