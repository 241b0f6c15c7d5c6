"""Batches for training: shuffled, augmented and normalised in NumPy, one stream that can start at any epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..edge.preprocess import InputSpec, normalise
from .augment import augment
from .backend import tf
from .datasets.dataset import Dataset, class_counts
from .recipe import Augmentation, Loss

#: Batches prepared ahead of the training step.
AHEAD = 4


class Batches:
    """Pictures of a data set in batches.

    Everything random depends on (seed, epoch, batch) alone, so that a training that is resumed at an epoch sees the
    batches that it would have seen.

    Args:
        dataset: where the pictures come from; fitted to ``spec`` once and held as uint8.
        spec: the model's input.
        batch: pictures per batch; the last one of an epoch may be smaller.
        loss: for class weights; all weights are 1 without it.
        augmentation: random changes; none without it.
        seed: of shuffling and augmentation; None keeps the order.
        task: ``multiclass`` gives one-hot targets, ``binary`` 0 or 1 for the second of two classes.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: InputSpec,
        batch: int,
        *,
        loss: Loss | None = None,
        augmentation: Augmentation | None = None,
        seed: int | None = None,
        task: str = "multiclass",
    ) -> None:
        self.spec, self.batch, self.augmentation, self.seed = spec, batch, augmentation, seed
        self.pixels = dataset.pixels(spec)
        self.targets = dataset.targets
        # Soft targets where the data set has them; class weights go by the labels all the same.
        one_hot = np.eye(len(dataset.labels), dtype=np.float32)[self.targets]
        expected = one_hot if dataset.soft is None else dataset.soft
        self.expected = expected[:, 1:] if task == "binary" else expected
        self.weights = class_weights(class_counts(dataset), loss.class_weights if loss else "none")

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-len(self.pixels) // self.batch)

    def epoch(self, number: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The batches of one epoch.

        Yields:
            inputs float32 (n, height, width, channels), targets (one-hot, soft, or of the second label alone) float32
            (n, outputs), sample weights float32 (n,).
        """
        order = np.arange(len(self.pixels))
        if self.seed is not None:
            order = np.random.default_rng([self.seed, number]).permutation(order)
        for step in range(self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            pixels = self.pixels[chosen]
            if self.augmentation is not None:
                pixels = augment(pixels, self.augmentation, np.random.default_rng([self.seed or 0, number, step]))
            yield normalise(pixels, self.spec), self.expected[chosen], self.weights[self.targets[chosen]]

    def dataset(self, first_epoch: int | None = None) -> Any:
        """As tf.data.Dataset: endless from ``first_epoch`` on, or one pass when it is None."""

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            if first_epoch is None:
                yield from self.epoch()
                return
            number = first_epoch
            while True:
                yield from self.epoch(number)
                number += 1

        signature = (
            tf.TensorSpec((None, *self.spec.shape), tf.float32),
            tf.TensorSpec((None, self.expected.shape[1]), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        )
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(AHEAD)


def class_weights(counts: np.ndarray, kind: str) -> np.ndarray:
    """Weights per class, float32 (classes,), whose mean over the pictures is 1.

    Args:
        counts: pictures per class.
        kind: ``none``, ``balanced`` (n / (classes * n_class), King & Zeng 2001) or ``sqrt`` (its root, rescaled).
    """
    if kind == "none":
        return np.ones(len(counts), np.float32)
    weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
    if kind == "sqrt":
        weights = np.sqrt(weights)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
