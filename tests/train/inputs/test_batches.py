"""Batches for training: the device's tensors, in an order that a resumed run meets again."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from edgeemo.edge.vision.preprocess import CHANNELS, NORMALIZATIONS, InputSpec, to_input
from edgeemo.train.config.recipe import Augmentation, Loss
from edgeemo.train.datasets.dataset import Dataset, class_counts
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.inputs.batches import Batches, BatchOptions, class_weights

SPEC = InputSpec(24, 24)
AUGMENTATION = Augmentation(rotation=5, flip=True, shift=0.1, erase=0.3)

Epoch = list[tuple[np.ndarray, ...]]


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return read_dataset("synthetic:train=20,test=0,size=24")


def equal(first: Epoch, second: Epoch) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))


def shuffled(faces: Dataset, seed: int = 3) -> Batches:
    return Batches(faces, SPEC, 8, BatchOptions(augmentation=AUGMENTATION, seed=seed))


@pytest.mark.parametrize(
    "spec",
    [
        InputSpec(height, width, channels, normalization)
        for height, width in ((24, 24), (48, 40), (13, 17))
        for channels in CHANNELS
        for normalization in NORMALIZATIONS
        if channels == "rgb" or normalization != "imagenet"
    ],
    ids=str,
)
def test_tensors_equal_the_device_s_bit_for_bit(spec: InputSpec) -> None:
    rng = np.random.default_rng(0)
    shapes = [(24, 24), (48, 48), (30, 60, 3), (200, 100, 3), (7, 9)]
    images = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    faces = read_dataset(f"synthetic:train={len(shapes)},test=0,size=24")
    dataset = Dataset("mixed", faces.labels, faces.samples, images)
    inputs = np.concatenate([batch[0] for batch in Batches(dataset, spec, 2).epoch()])
    expected = np.stack([to_input(image, spec) for image in images])
    assert inputs.dtype == expected.dtype == np.float32
    assert inputs.tobytes() == expected.tobytes()


def test_tensorflow_gets_the_same_tensors(faces: Dataset) -> None:
    batches = shuffled(faces)
    through = [tuple(part.numpy() for part in batch) for batch in islice(batches.dataset(0), batches.steps)]
    assert equal(through, list(batches.epoch(0)))


def test_one_pass_in_order_without_a_seed(faces: Dataset) -> None:
    batches = Batches(faces, SPEC, 8)
    assert np.array_equal(np.concatenate([labels for _, labels, _ in batches.epoch()]).argmax(axis=1), faces.targets)
    assert len(list(batches.dataset())) == 3


def test_every_image_comes_once_an_epoch(faces: Dataset) -> None:
    plain = Batches(faces, SPEC, 8, BatchOptions(seed=3))
    seen = np.concatenate([inputs for inputs, _, _ in plain.epoch(5)])
    there = np.concatenate([inputs for inputs, _, _ in Batches(faces, SPEC, 8).epoch()])
    assert not np.array_equal(seen, there)
    assert sorted(map(bytes, seen)) == sorted(map(bytes, there))


@pytest.mark.parametrize(("batch", "sizes"), [(8, [8, 8, 4]), (20, [20]), (64, [20]), (1, [1] * 20)])
def test_the_last_batch_may_be_smaller(faces: Dataset, batch: int, sizes: list[int]) -> None:
    batches = Batches(faces, SPEC, batch)
    assert [len(inputs) for inputs, _, _ in batches.epoch()] == sizes
    assert batches.steps == len(sizes)


def test_soft_targets_stand_in_the_place_of_labels(faces: Dataset) -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(7), len(faces)).astype(np.float32)
    learned = Batches(replace(faces, soft=soft), SPEC, 8, BatchOptions(loss=Loss(class_weights="balanced"), seed=3))
    plain = Batches(faces, SPEC, 8, BatchOptions(loss=Loss(class_weights="balanced"), seed=3))
    order = np.random.default_rng([3, 0]).permutation(len(faces))
    assert np.array_equal(np.concatenate([targets for _, targets, _ in learned.epoch(0)]), soft[order])
    for (inputs, _, weights), (same, _, by_label) in zip(learned.epoch(0), plain.epoch(0), strict=True):
        assert np.array_equal(inputs, same)
        assert np.array_equal(weights, by_label)


def test_a_soft_binary_target_is_the_share_of_the_second_label(faces: Dataset) -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(2), len(faces)).astype(np.float32)
    samples = tuple(replace(sample, label=sample.label % 2) for sample in faces.samples)
    two = replace(faces, labels=("no", "yes"), samples=samples, soft=soft)
    batches = Batches(two, SPEC, 8, BatchOptions(task="binary"))
    assert np.array_equal(np.concatenate([targets for _, targets, _ in batches.epoch()]), soft[:, 1:])


def test_every_epoch_has_its_own_order(faces: Dataset) -> None:
    plain = Batches(faces, SPEC, 20, BatchOptions(seed=3))
    first, second = (next(plain.epoch(number))[0] for number in (0, 1))
    assert not np.array_equal(first, second)


def test_an_epoch_depends_on_its_number_and_the_seed_alone(faces: Dataset) -> None:
    first = list(shuffled(faces).epoch(1))
    warm = shuffled(faces)
    list(warm.epoch(0))
    assert equal(list(warm.epoch(1)), first)
    assert not equal(list(warm.epoch(2)), first)
    assert not equal(list(shuffled(faces, seed=4).epoch(1)), first)


@pytest.mark.parametrize("start", [1, 2])
def test_starting_at_an_epoch_gives_what_a_full_run_gives_there(faces: Dataset, start: int) -> None:
    batches = shuffled(faces)
    steps = batches.steps

    def taken(first: int, skip: int) -> Epoch:
        stream = islice(batches.dataset(first), skip * steps, (skip + 1) * steps)
        return [tuple(part.numpy() for part in batch) for batch in stream]

    assert equal(taken(start, 0), taken(0, start))


@pytest.mark.parametrize(
    ("counts", "kind", "weights"),
    [
        ([10, 30, 60], "none", [1, 1, 1]),
        ([10, 30, 60], "balanced", [10 / 3, 10 / 9, 5 / 9]),
        ([50, 50], "balanced", [1, 1]),
        ([10, 90], "sqrt", [2.5, 0.833333]),
        ([0, 20], "balanced", [0, 1]),
    ],
)
def test_class_weights(counts: list[int], kind: str, weights: list[float]) -> None:
    found = class_weights(np.array(counts), kind)
    present = np.array(counts) > 0
    assert found[present] == pytest.approx(np.array(weights)[present], rel=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", ["none", "balanced", "sqrt"])
def test_weights_have_a_mean_of_one_over_the_images(kind: str) -> None:
    counts = np.array([436, 7215, 4965, 0])
    assert (class_weights(counts, kind) * counts).sum() / counts.sum() == pytest.approx(1, rel=1e-5)


def test_a_batch_carries_the_weights_of_its_classes(faces: Dataset) -> None:
    uneven = faces.take([*range(20), 0, 0, 0])
    batches = Batches(uneven, SPEC, 64, BatchOptions(loss=Loss(class_weights="balanced")))
    ((_, labels, weights),) = batches.epoch()
    assert np.array_equal(weights, class_weights(class_counts(uneven), "balanced")[labels.argmax(axis=1)])
    assert len(set(weights.tolist())) > 1


def test_a_binary_target_is_1_for_the_second_class(faces: Dataset) -> None:
    two = faces.where(lambda sample: sample.label < 2).relabeled(faces.labels)
    two = Dataset("two", faces.labels[:2], two.samples, two.images)
    batches = Batches(two, SPEC, 64, BatchOptions(task="binary"))
    ((_, targets, _),) = batches.epoch()
    assert (targets.shape, targets.dtype) == ((len(two), 1), np.float32)
    assert np.array_equal(targets[:, 0], two.targets)
    ((_, through, _),) = batches.dataset()
    assert np.array_equal(through.numpy(), targets)
