"""Subsets, names and unions of classes, on any source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.classes import choose_classes, parse_classes
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.selection import Choice

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms, MakeDataset

IMAGES = ["happy", "sad", "fear", "happy", "neutral", "sad", "happy"]


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    """Seven images of four emotions; the image's row is its pixels' value."""
    return make_dataset(("train", label, np.full((4, 4), row, np.uint8)) for row, label in enumerate(IMAGES))


@pytest.mark.parametrize(
    ("text", "labels", "found"),
    [
        ("happy,sad", ("happy", "sad"), {0: 0, 3: 0, 6: 0, 1: 1, 5: 1}),
        ("sad,happy", ("sad", "happy"), {0: 1, 3: 1, 6: 1, 1: 0, 5: 0}),
        ("Sadness, Happiness", ("sad", "happy"), {0: 1, 3: 1, 6: 1, 1: 0, 5: 0}),
        ("joy=happy,sad", ("joy", "sad"), {0: 0, 3: 0, 6: 0, 1: 1, 5: 1}),
        ("low=sad+fear,happy", ("low", "happy"), {0: 1, 3: 1, 6: 1, 1: 0, 2: 0, 5: 0}),
        ("fear", ("fear",), {2: 0}),
        ("happy=sad,sad=happy", ("happy", "sad"), {0: 1, 3: 1, 6: 1, 1: 0, 5: 0}),
    ],
)
def test_exactly_the_chosen_images_in_the_order_of_the_labels(
    dataset: Dataset, text: str, labels: tuple[str, ...], found: dict[int, int]
) -> None:
    chosen = choose_classes(dataset, parse_classes(text))
    assert chosen.labels == labels
    assert {sample.row: sample.label for sample in chosen.samples} == found
    assert all((p == s.row).all() for s, p in zip(chosen.samples, chosen.images, strict=True))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {"problem": "the classes cannot be read", "expected": "^names with commas"}),
        ("happy,,sad", {"problem": "the classes cannot be read"}),
        ("=happy", {"problem": "the classes cannot be read"}),
        ("joy=", {"problem": "the classes cannot be read"}),
        ("low=sad+", {"problem": "the classes cannot be read"}),
        ("happy,happiness", {"problem": "class 'happy' is chosen twice"}),
        ("a=happy,a=sad", {"problem": "class 'a' is chosen twice"}),
        ("a=happy,b=happy+sad", {"problem": "class 'happy' is chosen twice"}),
    ],
)
def test_what_cannot_be_read_is_named(text: str, fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        parse_classes(text)


@pytest.mark.parametrize("text", ["happy,bored", "x=happy+bored,sad"])
def test_a_class_without_images_names_the_known_ones(dataset: Dataset, text: str) -> None:
    with raises(
        EdgeemoError, problem="made has no images of class 'bored'", expected="^one of fear, happy, neutral, sad"
    ):
        choose_classes(dataset, parse_classes(text))


def test_a_label_that_is_only_a_name_has_no_images(dataset: Dataset) -> None:
    wider = dataset.relabeled((*dataset.labels, "angry"))
    with raises(EdgeemoError, problem="class 'angry'$", expected="^one of fear, happy, neutral, sad$"):
        choose_classes(wider, parse_classes("angry,sad"))


@pytest.mark.parametrize("form", ["folder", "zip", "csv"])
def test_every_form_of_a_source_has_classes_to_choose(forms: Forms, form: str) -> None:
    chosen = Choice(classes="neutral,happy").apply(read_dataset(getattr(forms, form)()))
    assert chosen.counts == {"test": {"neutral": 2, "happy": 2}, "train": {"neutral": 4, "happy": 4}}


def test_kdef_has_two_classes_and_angles_to_choose(kdef_zip: Path) -> None:
    chosen = Choice(classes="happy,neutral", angles=("S", "HL")).apply(read_dataset(kdef_zip))
    assert chosen.counts == {"all": {"happy": 40, "neutral": 40}}
    assert {sample.view for sample in chosen.samples} == {"S", "HL"}


@pytest.mark.parametrize(
    ("source", "angles", "problem", "expected"),
    [
        (
            "synthetic:train=2,test=0,size=24",
            ("S",),
            "no images from angle 'S'",
            "^a data set that tells angles",
        ),
        ("kdef", ("S", "UP"), "KDEF has no images from angle 'UP'", "^one of FL, FR, HL, HR, S"),
    ],
)
def test_angles_that_are_not_there_are_named(
    kdef_folder: Path, source: str, angles: tuple[str, ...], problem: str, expected: str
) -> None:
    dataset = read_dataset(kdef_folder if source == "kdef" else source)
    with raises(EdgeemoError, problem=problem, expected=expected):
        Choice(angles=angles).apply(dataset)


def test_soft_targets_are_brought_back_to_one(make_dataset: MakeDataset) -> None:
    from dataclasses import replace

    plain = make_dataset(("train", label, np.zeros((4, 4), np.uint8)) for label in ("a", "b", "c", "b"))
    soft = np.array([[0.6, 0.2, 0.2], [0.1, 0.3, 0.6], [0.5, 0.5, 0], [0, 0, 1]], np.float32)
    chosen = choose_classes(replace(plain, soft=soft), parse_classes("b,a"))
    # The last image's votes are all for another class: its label stands alone.
    expected = [[0.25, 0.75], [0.75, 0.25], [1, 0]]
    assert chosen.soft is not None
    assert chosen.soft.dtype == np.float32
    assert chosen.soft == pytest.approx(np.array(expected))
