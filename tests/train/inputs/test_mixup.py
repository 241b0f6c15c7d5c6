"""Mixup and cutmix: mixed images that depend on seed, epoch and step alone, and that weigh what both images weigh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.config.sections import Augmentation, Loss
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.inputs.batches import Batches, BatchOptions
from edgeemo.train.inputs.mixup import Cutmix, Mixup, draw_mixing

SPEC = InputSpec(24, 24)


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return read_dataset("synthetic:train=20,test=0,size=24")


def test_a_share_of_one_leaves_everything_as_it_is() -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((3, 2, 2, 1), np.float32), rng.random((3, 4), np.float32)
    weights = np.array([0, 1, 2], np.float32)
    mixup = Mixup(np.array([1, 2, 0]), np.ones(3, np.float32))
    mixed, total = mixup.targets(targets, weights)
    assert np.array_equal(mixup.images(inputs), inputs)
    assert np.array_equal(total, weights)
    assert np.array_equal(mixed[1:], targets[1:])


def test_images_are_mixed_with_their_partners() -> None:
    inputs = np.array([0, 1], np.float32).reshape(2, 1, 1, 1)
    mixup = Mixup(np.array([1, 0]), np.array([0.75, 0.5], np.float32))
    assert mixup.images(inputs).ravel() == pytest.approx([0.25, 0.5])


@pytest.mark.parametrize(
    ("weights", "mixed", "total"),
    [
        ([1, 1], [[0.75, 0.25], [0.25, 0.75]], [1, 1]),
        ([3, 1], [[0.9, 0.1], [0.5, 0.5]], [2.5, 1.5]),
        ([1, 0], [[1, 0], [1, 0]], [0.75, 0.25]),
        ([0, 0], [[0, 0], [0, 0]], [0, 0]),
    ],
)
def test_targets_lean_to_what_weighs_more(weights: list[int], mixed: list[list[float]], total: list[float]) -> None:
    mixup = Mixup(np.array([1, 0]), np.array([0.75, 0.75], np.float32))
    found, sums = mixup.targets(np.eye(2, dtype=np.float32), np.array(weights, np.float32))
    np.testing.assert_allclose(found, mixed, atol=1e-6)
    np.testing.assert_allclose(sums, total, atol=1e-6)


def test_the_loss_is_that_of_both_images_each_with_its_weight() -> None:
    rng = np.random.default_rng(1)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 6)]
    logs, weights = np.log(rng.dirichlet(np.ones(3), 6)), rng.random(6, np.float32)
    mixup = Mixup.draw(6, 1.0, rng)
    mixed, total = mixup.targets(targets, weights)
    own = -(targets * logs).sum(axis=1) * weights
    other = -(targets[mixup.partners] * logs).sum(axis=1) * weights[mixup.partners]
    expected = mixup.shares * own + (1 - mixup.shares) * other
    np.testing.assert_allclose(-(mixed * logs).sum(axis=1) * total, expected, rtol=1e-5)


@pytest.mark.parametrize(("alpha", "low", "high"), [(0.1, 0.7, 1.0), (1.0, 0.4, 0.6), (10.0, 0.0, 0.1)])
def test_a_small_alpha_leaves_most_images_nearly_whole(alpha: float, low: float, high: float) -> None:
    shares = Mixup.draw(4000, alpha, np.random.default_rng(0)).shares
    assert low < (np.abs(shares - 0.5) > 0.25).mean() < high


def test_cuts_are_rectangles_of_the_partner_and_shares_what_is_left() -> None:
    inputs = np.arange(300, dtype=np.float32).reshape(300, 1, 1, 1) * np.ones((1, 12, 8, 1), np.float32)
    cutmix = Cutmix.draw_cuts(300, 1.0, np.random.default_rng(0), height=12, width=8)
    made = cutmix.images(inputs)
    for index, (image, cut) in enumerate(zip(made[..., 0], cutmix.cut, strict=True)):
        rows, columns = cut.any(axis=1), cut.any(axis=0)
        assert np.array_equal(cut, np.outer(rows, columns))
        assert all(np.abs(np.diff(line.astype(int))).sum() <= 2 for line in (rows, columns))
        assert np.array_equal(image, np.where(cut, cutmix.partners[index], index))
        assert cutmix.shares[index] == pytest.approx(1 - cut.mean())


def test_cuts_cover_what_alpha_says() -> None:
    drawn = {alpha: Cutmix.draw_cuts(4000, alpha, np.random.default_rng(0), height=48, width=48) for alpha in (0.1, 50)}
    # Large alpha: half the area about a point anywhere, of which the rim takes (1 - side / 4)^2 with side^2 = 1/2.
    assert drawn[50].cut.mean() == pytest.approx(0.5 * (1 - 0.5**0.5 / 4) ** 2, abs=0.01)
    assert (drawn[0.1].shares > 0.95).mean() > 0.3


@pytest.mark.parametrize(
    ("mixup", "cutmix", "kinds"), [(0, 0, {None}), (1, 0, {Mixup}), (0, 1, {Cutmix}), (1, 1, {Mixup, Cutmix})]
)
def test_a_batch_gets_what_is_wanted(mixup: float, cutmix: float, kinds: set[type | None]) -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_mixing((4, 6, 6, 1), mixup=mixup, cutmix=cutmix, rng=rng) for _ in range(20)]
    assert {type(mixing) if mixing else None for mixing in drawn} == kinds


def batches(faces: Dataset, seed: int = 3, **others: float) -> Batches:
    settings = Augmentation(**{"flip": True, "mixup": 0.4, **others})
    return Batches(faces, SPEC, 8, BatchOptions(augmentation=settings, seed=seed, loss=Loss(class_weights="balanced")))


@pytest.mark.parametrize("kind", [{"mixup": 0.4}, {"mixup": 0.0, "cutmix": 1.0}], ids=str)
def test_a_batch_is_mixed_the_same_whenever_it_is_made(faces: Dataset, kind: dict[str, float]) -> None:
    first, again = list(batches(faces, **kind).epoch(1)), batches(faces, **kind)
    list(again.epoch(0))
    for one, two in zip(first, again.epoch(1), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    other = next(batches(faces, seed=4, **kind).epoch(1))
    assert not np.array_equal(other[0], first[0][0])


def test_mixing_comes_after_the_changes_of_each_image(faces: Dataset) -> None:
    plain = Batches(faces, SPEC, 8, BatchOptions(augmentation=Augmentation(flip=True), seed=3))
    for (mixed, targets, weights), (single, labels, _) in zip(batches(faces).epoch(0), plain.epoch(0), strict=True):
        # Every mixed image lies between two of the batch's own images.
        assert mixed.shape == single.shape
        assert mixed.min() >= single.min()
        assert mixed.max() <= single.max()
        assert targets.shape == labels.shape
        assert (targets.dtype, weights.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)


def test_binary_and_soft_targets_are_mixed_alike(faces: Dataset) -> None:
    samples = tuple(replace(sample, label=sample.label % 2) for sample in faces.samples)
    soft = np.random.default_rng(0).dirichlet(np.ones(2), len(faces)).astype(np.float32)
    two = replace(faces, labels=("no", "yes"), samples=samples, soft=soft)
    settings = Augmentation(mixup=1.0)
    one, both = (
        next(Batches(two, SPEC, 20, BatchOptions(augmentation=settings, seed=1, task=task)).epoch(0))[1]
        for task in ("binary", "multiclass")
    )
    np.testing.assert_allclose(one, both[:, 1:], rtol=1e-5)
