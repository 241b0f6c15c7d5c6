"""Fitted pixels: held at once or made on demand, the same bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.config.sections import Augmentation
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.inputs.batches import Batches, BatchOptions
from edgeemo.train.inputs.image_cache import FittedOnDemand, fitted_pixels


@pytest.fixture(scope="module")
def mixed() -> Dataset:
    """Gray and color images of several sizes."""
    rng = np.random.default_rng(0)
    shapes = [(24, 24), (48, 48), (30, 60, 3), (200, 100, 3), (7, 9)] * 3
    faces = read_dataset(f"synthetic:train={len(shapes)},test=0,size=24")
    return replace(faces, images=[rng.integers(0, 256, shape, np.uint8) for shape in shapes])


@pytest.mark.parametrize("spec", [InputSpec(24, 24), InputSpec(40, 56, "rgb")], ids=str)
@pytest.mark.parametrize("chosen", [[0], [3, 1, 3], list(range(15))])
def test_both_forms_give_the_same_pixels(mixed: Dataset, spec: InputSpec, chosen: list[int]) -> None:
    held, on_demand = fitted_pixels(mixed, spec), fitted_pixels(mixed, spec, held_bytes=0)
    assert isinstance(on_demand, FittedOnDemand)
    assert len(held) == len(on_demand) == 15
    assert np.array_equal(held[np.array(chosen)], on_demand[np.array(chosen)])


@pytest.mark.parametrize(("missing", "form"), [(0, np.ndarray), (1, FittedOnDemand)])
def test_the_limit_is_the_size_of_the_fitted_pixels(mixed: Dataset, missing: int, form: type) -> None:
    assert isinstance(fitted_pixels(mixed, InputSpec(10, 8, "rgb"), held_bytes=15 * 240 - missing), form)


def test_both_forms_give_the_same_batches(mixed: Dataset) -> None:
    settings = Augmentation(rotation=5, flip=True, erase=0.3)
    options = BatchOptions(augmentation=settings, seed=1)
    held, on_demand = (Batches(mixed, InputSpec(24, 24), 4, replace(options, held_bytes=size)) for size in (1 << 20, 0))
    for number in (0, 1):
        for one, two in zip(held.epoch(number), on_demand.epoch(number), strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
