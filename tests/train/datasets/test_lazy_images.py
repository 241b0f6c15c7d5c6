"""Images that do not fit into memory are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.datasets import builder as entries
from edgeemo.train.datasets.dataset import Dataset, pixel_digest
from edgeemo.train.datasets.lazy_images import Images
from edgeemo.train.datasets.registry import read_dataset

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms

BYTES = 48 * 48


def counted(pixels: np.ndarray, calls: list[int]) -> Callable[[], np.ndarray]:
    def decode() -> np.ndarray:
        calls.append(int(pixels[0, 0]))
        return pixels

    return decode


@pytest.fixture
def faces() -> list[np.ndarray]:
    return [np.full((2, 2), value, np.uint8) for value in range(5)]


def test_only_what_is_asked_for_is_decoded(faces: list[np.ndarray]) -> None:
    calls: list[int] = []
    images = Images(counted(face, calls) for face in faces)
    chosen = images.take([4, 2, 0])[1:]
    assert (len(chosen), calls) == (2, [])
    assert np.array_equal(chosen[0], faces[2])
    assert calls == [2]


def test_a_data_set_takes_without_decoding(faces: list[np.ndarray]) -> None:
    calls: list[int] = []
    source = read_dataset("synthetic:train=5,test=0,size=24")
    dataset = Dataset("lazy", source.labels, source.samples, Images(counted(face, calls) for face in faces))
    dataset.where(lambda sample: sample.label < 3).split("train")
    assert calls == []


@pytest.mark.parametrize(("budget", "held"), [(0, 0), (BYTES, 1), (7 * BYTES + 1, 7), (1 << 30, 18)])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_memory_is_limited_and_nothing_else_changes(
    forms: Forms, monkeypatch: pytest.MonkeyPatch, form: str, budget: int, held: int
) -> None:
    path = getattr(forms, form)()
    whole, spec = read_dataset(path), InputSpec(24, 24)
    monkeypatch.setattr(entries, "HELD_BYTES", budget)
    dataset = read_dataset(path)
    assert isinstance(dataset.images, Images)
    assert (dataset.images.held, dataset.content_hash) == (held, whole.content_hash)
    assert np.array_equal(dataset.pixels(spec), whole.pixels(spec))
    assert [pixel_digest(image) for image in dataset.images] == [sample.digest for sample in dataset.samples]


def test_an_image_that_has_gone_is_named(forms: Forms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "HELD_BYTES", 0)
    dataset = read_dataset(forms.folder())
    Path(forms.root / "folder" / dataset.samples[3].key).unlink()
    with raises(EdgeemoError, problem=f"{dataset.samples[3].key} is not there"):
        dataset.images[3]
