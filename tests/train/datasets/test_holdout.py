"""Test splits of our own drawing, people and folds: nobody stands on two sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.model.card import ModelCard, Provenance
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset, read_evaluation_set
from edgeemo.train.datasets.sampling import fold_numbers
from edgeemo.train.datasets.selection import Choice
from edgeemo.train.datasets.splits import Holdout, holdout_of, training_data

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import LabeledImage, MakeDataset

SEEDS = range(6)


@pytest.fixture(scope="module")
def kdef(kdef_folder: Path) -> Dataset:
    return read_dataset(kdef_folder)


def people(dataset: Dataset) -> set[str]:
    return {sample.group for sample in dataset.samples}


def keys(dataset: Dataset) -> set[str]:
    return {sample.key for sample in dataset.samples}


def digests(dataset: Dataset) -> set[str]:
    return {sample.digest for sample in dataset.samples}


def faces(label: str, n: int, *, seed: int, split: str = "all") -> list[LabeledImage]:
    rng = np.random.default_rng(seed)
    return [(split, label, rng.integers(0, 256, (4, 4), np.uint8)) for _ in range(n)]


def three_splits(dataset: Dataset, seed: int) -> list[Dataset]:
    """70/15/15, as a run draws them."""
    carved = Holdout(0.15, seed).carve(dataset)
    splits = training_data(carved, validation=0.15 / 0.85, seed=seed)
    return [splits.train, splits.validation, carved.split("test")]


def no_overlap(sets: list[set[str]]) -> bool:
    return sum(map(len, sets)) == len(set().union(*sets))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_person_stands_in_two_splits(kdef: Dataset, seed: int) -> None:
    splits = three_splits(kdef, seed)
    assert no_overlap([people(split) for split in splits])
    assert [len(people(split)) for split in splits] == [7, 2, 1]
    assert set().union(*map(keys, splits)) == keys(kdef)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_no_person_stands_in_two_folds(kdef: Dataset, folds: int, seed: int) -> None:
    numbers = fold_numbers(kdef, folds, seed)
    parts = [kdef.take(np.flatnonzero(numbers == fold)) for fold in range(folds)]
    assert no_overlap([people(part) for part in parts])
    assert {len(people(part)) for part in parts} <= {10 // folds, -(-10 // folds)}


def test_every_fold_is_validated_on_once(kdef: Dataset) -> None:
    drawn = [training_data(kdef, folds=5, fold=fold, seed=3) for fold in range(5)]
    assert sorted(key for splits in drawn for key in keys(splits.validation)) == sorted(keys(kdef))
    assert all(no_overlap([people(splits.train), people(splits.validation)]) for splits in drawn)
    assert all(keys(splits.train) | keys(splits.validation) == keys(kdef) for splits in drawn)


def test_folds_leave_the_test_split_alone(kdef: Dataset) -> None:
    carved = Holdout(0.2, 1).carve(kdef)
    splits = training_data(carved, folds=4, fold=2)
    assert no_overlap([people(splits.train), people(splits.validation), people(carved.split("test"))])


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_of_images_are_fair_to_the_classes(make_dataset: MakeDataset, folds: int) -> None:
    dataset = make_dataset(faces("many", 100, seed=1) + faces("few", 21, seed=2))
    numbers, targets = fold_numbers(dataset, folds, 0), dataset.targets
    for label in (0, 1):
        sizes = np.bincount(numbers[targets == label], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_identical_images_stay_in_one_fold_and_one_split(make_dataset: MakeDataset, seed: int) -> None:
    dataset = make_dataset([image for image in faces("a", 20, seed=1) for _ in range(2)] + faces("b", 20, seed=2))
    numbers = fold_numbers(dataset, 4, seed)
    assert no_overlap([digests(dataset.take(np.flatnonzero(numbers == fold))) for fold in range(4)])
    assert no_overlap([digests(split) for split in three_splits(dataset, seed)])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_image_of_two_people_joins_them(make_dataset: MakeDataset, seed: int) -> None:
    plain = make_dataset(faces("a", 12, seed=1) + faces("a", 12, seed=1))
    # Two images of each of twelve people; image 12 + n is the copy of image n under the next person's name.
    samples = [replace(s, group=f"P{(i + i // 12) % 6}") for i, s in enumerate(plain.samples)]
    ring = replace(plain, samples=tuple(samples))
    with raises(EdgeemoError, problem="too small to be divided$", expected="^images of at least two people"):
        Holdout(0.3, seed).carve(ring)


@pytest.mark.parametrize("folds", [-1, 1, 11])
def test_a_number_of_folds_that_cannot_be_is_refused(kdef: Dataset, folds: int) -> None:
    with raises(EdgeemoError, problem="number of folds out of range$", expected="^2 to 10, the number of people"):
        fold_numbers(kdef, folds, 0)


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_is_not_there_is_refused(kdef: Dataset, fold: int) -> None:
    with raises(EdgeemoError, problem="fold out of range$", expected="^0 to 4"):
        training_data(kdef, folds=5, fold=fold)


@pytest.mark.parametrize(("share", "sizes"), [(0.15, (15, 3)), (0.2, (20, 4)), (0.5, (50, 10))])
def test_a_test_split_has_its_share_of_every_class(
    make_dataset: MakeDataset, share: float, sizes: tuple[int, int]
) -> None:
    carved = Holdout(share).carve(make_dataset(faces("a", 100, seed=1) + faces("b", 20, seed=2)))
    assert carved.counts["test"] == {"a": sizes[0], "b": sizes[1]}
    assert carved.counts["train"] == {"a": 100 - sizes[0], "b": 20 - sizes[1]}


@pytest.mark.parametrize("seed", SEEDS)
def test_seventy_fifteen_fifteen_of_images_is_exact(make_dataset: MakeDataset, seed: int) -> None:
    splits = three_splits(make_dataset(faces("a", 200, seed=1) + faces("b", 60, seed=2)), seed)
    assert [np.bincount(split.targets).tolist() for split in splits] == [[140, 42], [30, 9], [30, 9]]
    assert no_overlap([keys(split) for split in splits])


def test_people_of_uneven_size_come_near_the_share(make_dataset: MakeDataset) -> None:
    rng = np.random.default_rng(0)
    dataset = make_dataset(faces("a", 400, seed=1) + faces("b", 200, seed=2))
    groups = rng.choice(60, 600, p=(w := np.arange(1, 61.0)) / w.sum())
    samples = tuple(replace(s, group=f"P{g}") for s, g in zip(dataset.samples, groups, strict=True))
    for seed in SEEDS:
        test = Holdout(0.15, seed).carve(replace(dataset, samples=samples)).split("test")
        # The largest person has about twenty images: half of that is as near as whole people come.
        assert np.bincount(test.targets) == pytest.approx([60, 30], abs=10)


@pytest.mark.parametrize("source", ["images", "people"])
def test_the_seed_decides_and_the_order_of_the_files_does_not(
    make_dataset: MakeDataset, kdef: Dataset, source: str
) -> None:
    dataset = kdef if source == "people" else make_dataset(faces("a", 100, seed=1) + faces("b", 20, seed=2))
    shuffled = dataset.take(np.random.default_rng(0).permutation(len(dataset)))
    hashes = [Holdout(0.2, seed).carve(data).content_hash for seed, data in ((1, dataset), (1, shuffled), (2, dataset))]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_source_s_own_test_split_needs_no_holdout(make_dataset: MakeDataset) -> None:
    own = make_dataset(faces("a", 5, seed=1, split="train") + faces("a", 2, seed=2, split="test"))
    assert not Holdout.needed_by(own)
    assert Holdout.needed_by(own.split("train"))


def test_a_validation_split_of_the_source_stays_whole(make_dataset: MakeDataset) -> None:
    given = faces("a", 20, seed=1, split="train") + faces("a", 7, seed=2, split="validation")
    assert Holdout(0.1).carve(make_dataset(given)).counts == {
        "test": {"a": 2},
        "train": {"a": 18},
        "validation": {"a": 7},
    }


def test_no_test_image_is_found_by_the_source_s_name_for_training(make_dataset: MakeDataset) -> None:
    plain = make_dataset(faces("a", 20, seed=1, split="train"))
    named = replace(plain, samples=tuple(replace(s, part="train") for s in plain.samples))
    assert len(Holdout(0.1).carve(named).split("train")) == 18


@pytest.mark.parametrize("share", [0, -0.1, 0.51, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with raises(EdgeemoError, problem="test fraction out of range"):
        Holdout(share)


def test_one_person_cannot_be_divided(kdef: Dataset) -> None:
    alone = kdef.where(lambda sample: sample.group == "F01")
    with raises(EdgeemoError, problem="'angry' of KDEF is too small to be divided$", expected=" of two people"):
        training_data(alone)


@pytest.mark.parametrize("choice", [Choice(classes="happy,neutral"), Choice(angles=("S",))], ids=["classes", "angles"])
def test_what_is_chosen_moves_nobody_to_another_split(kdef_folder: Path, choice: Choice) -> None:
    holdout = Holdout(0.3, 4)
    whole = read_evaluation_set(kdef_folder, "test", holdout=holdout)
    part = read_evaluation_set(kdef_folder, "test", holdout=holdout, choice=choice)
    assert keys(part) == keys(choice.apply(whole))
    assert people(part) == people(whole)


@pytest.mark.parametrize(("split", "n"), [("test", 210), ("train", 490), ("all", 700)])
def test_a_source_without_splits_has_the_splits_of_the_holdout(kdef_folder: Path, split: str, n: int) -> None:
    assert len(read_evaluation_set(kdef_folder, split, holdout=Holdout(0.3))) == n


def test_without_a_holdout_there_is_no_test_split(kdef_folder: Path) -> None:
    with raises(EdgeemoError, problem="KDEF has no images in split 'test'$", expected="^all"):
        read_evaluation_set(kdef_folder, "test")


def card(**holdout: float) -> ModelCard:
    return ModelCard("m", ("a", "b"), InputSpec(4, 4), provenance=Provenance(holdout=dict(holdout)))


@pytest.mark.parametrize(
    ("cards", "found"),
    [
        ([], None),
        ([card()], None),
        ([card(share=0.15, seed=3)], Holdout(0.15, 3)),
        ([card(), card(share=0.15, seed=3), card(share=0.15, seed=3)], Holdout(0.15, 3)),
    ],
)
def test_the_cards_tell_the_test_split(cards: list[ModelCard], found: Holdout | None) -> None:
    assert holdout_of(cards) == found


def test_models_of_different_test_splits_are_not_measured_on_one() -> None:
    with raises(EdgeemoError, problem="different test splits$", got=r"^0\.15 by seed 3; 0\.2 by seed 3"):
        holdout_of([card(share=0.15, seed=3), card(share=0.2, seed=3)])


@pytest.mark.parametrize("holdout", [{"share": "much"}, {"part": 0.1}, {"share": 0.7}])
def test_a_card_with_a_broken_holdout_is_named(holdout: dict) -> None:
    with raises(EdgeemoError, problem="card of m tells a test split that cannot be drawn"):
        holdout_of([card(**holdout)])
