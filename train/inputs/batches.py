"""Batches for training: shuffled, augmented and normalized in NumPy, one stream that can start at any epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.vision.preprocess import InputSpec, normalize
from ..backend import tf
from ..config.sections import Augmentation, Loss
from ..datasets.dataset import Dataset, class_counts
from ..network.ferplus_head import EMOTION, VOTES
from .augment import augment
from .image_cache import HELD_BYTES, fitted_pixels
from .mixup import draw_mixing
from .views import View, ViewTargets

#: Batches prepared ahead of the training step.
AHEAD = 4

#: Inputs, targets, sample weights: arrays, or with votes one for each head in the last two.
Batch = tuple[Any, Any, Any]


@dataclass(frozen=True)
class BatchOptions:
    """Options of :class:`Batches`.

    Args:
        loss: section of the recipe with the class weights; all weights are 1 without it.
        augmentation: random changes, mixup and cutmix; none without it.
        seed: seed of shuffling and augmentation; None keeps the order.
        task: ``multiclass`` gives one-hot targets, ``binary`` 0 or 1 for the second of two classes.
        replicas: number of replicas that share a batch. A last batch with fewer images joins the one before.
        held_bytes: see :func:`edgeemo.train.inputs.image_cache.fitted_pixels`.
    """

    loss: Loss | None = None
    augmentation: Augmentation | None = None
    seed: int | None = None
    task: str = "multiclass"
    replicas: int = 1
    held_bytes: int = HELD_BYTES


class Batches:
    """Images of a data set in batches.

    Everything random depends on (seed, epoch, batch) alone, so that a training that is resumed at an epoch sees the
    batches that it would have seen, and so that all replicas of a strategy cut their parts from the same ones.

    Args:
        dataset: images and their targets.
        spec: input of the model.
        batch: images per batch; the last one of an epoch may be smaller.
        options: what is done to the images; by default nothing.
        views: views of the images and their targets, instead of random changes and the data set's targets.
        votes: targets of the second head, float32 (n, 8), rows of 0 where they are unknown; see
            :mod:`edgeemo.train.network.ferplus_head`.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: InputSpec,
        batch: int,
        options: BatchOptions | None = None,
        *,
        views: ViewTargets | None = None,
        votes: np.ndarray | None = None,
    ) -> None:
        options = options or BatchOptions()
        loss, replicas, held_bytes = options.loss, options.replicas, options.held_bytes
        self.spec, self.batch, self.augmentation, self.seed = spec, batch, options.augmentation, options.seed
        self.views, self.task = views, options.task
        self.pixels = fitted_pixels(dataset, spec, held_bytes=held_bytes)
        self.targets, self.votes, self.replicas = dataset.targets, votes, replicas
        # Soft targets where the data set has them; class weights go by the labels all the same.
        one_hot = np.eye(len(dataset.labels), dtype=np.float32)[self.targets]
        self.expected = self._outputs(one_hot if dataset.soft is None else dataset.soft)
        weights = class_weights(class_counts(dataset), loss.class_weights if loss else "none")
        self.weights: np.ndarray = weights[self.targets]
        # Images that nobody voted on teach the second head nothing.
        self.voted = (
            np.zeros(0, np.float32) if votes is None else np.any(votes, axis=1, keepdims=True)[:, 0].astype(np.float32)
        )

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        whole, rest = divmod(len(self.pixels), self.batch)
        # A replica without an image would normalize by the statistics of nothing.
        return max(1, whole + (rest >= self.replicas))

    def epoch(self, number: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        Yields:
            inputs float32 (n, height, width, channels), targets (one-hot, soft, or of the second label alone) float32
            (n, outputs), sample weights float32 (n,). With votes, targets and weights are dicts by head.
        """
        order = np.arange(len(self.pixels))
        if self.seed is not None:
            order = np.random.default_rng([self.seed, number]).permutation(order)
        shown = self.views.epoch(number) if self.views else None
        order = shown[0].order(order) if shown else order
        for step, chosen in enumerate(np.split(order, np.arange(1, self.steps) * self.batch)):
            rng = np.random.default_rng([self.seed or 0, number, step])
            yield self._made(chosen, shown, rng)

    def _outputs(self, expected: np.ndarray) -> np.ndarray:
        """Targets of the network's outputs from those of the classes."""
        return expected[:, 1:] if self.task == "binary" else expected

    def _made(self, chosen: np.ndarray, shown: tuple[View, np.ndarray] | None, rng: np.random.Generator) -> Batch:
        settings = self.augmentation
        if shown:
            view, answers = shown
            pixels = view.images(chosen, self.pixels)
            # The teacher has answered for the mixed image itself; weights and votes are those of its two images.
            heads = {EMOTION: (self._outputs(answers[chosen]), view.targets(chosen, self.expected, self.weights)[1])}
        else:
            pixels = augment(self.pixels[chosen], settings, rng) if settings else self.pixels[chosen]
            heads = {EMOTION: (self.expected[chosen], self.weights[chosen])}
        if self.votes is not None:
            votes = self.votes[chosen], self.voted[chosen]
            heads[VOTES] = shown[0].targets(chosen, self.votes, self.voted) if shown else votes
        inputs = normalize(pixels, self.spec)
        if settings and (mixing := draw_mixing(inputs.shape, mixup=settings.mixup, cutmix=settings.cutmix, rng=rng)):
            inputs = mixing.images(inputs)
            heads = {name: mixing.targets(targets, weights) for name, (targets, weights) in heads.items()}
        if self.votes is None:
            return inputs, *heads[EMOTION]
        targets, weights = ({name: pair[part] for name, pair in heads.items()} for part in (0, 1))
        return inputs, targets, weights

    def dataset(self, first_epoch: int | None = None, *, replicas: range | None = None) -> Any:
        """Return a tf.data.Dataset: endless from ``first_epoch`` on, or one pass when it is None.

        Args:
            first_epoch: the epoch to begin with.
            replicas: numbers of those replicas whose parts are wanted; the parts of a batch come one after the other.
                Whole batches without it.
        """

        def generate() -> Iterator[Batch]:
            number = first_epoch or 0
            while True:
                for batch in self.epoch(number):
                    if replicas is None:
                        yield batch
                        continue
                    for replica in replicas:
                        yield tf.nest.map_structure(lambda array, start=replica: array[start :: self.replicas], batch)
                if first_epoch is None:
                    return
                number += 1

        def spec(shape: tuple[int, ...]) -> Any:
            return tf.TensorSpec((None, *shape), tf.float32)

        targets, weights = spec(self.expected.shape[1:]), spec(())
        if self.votes is not None:
            targets, weights = {EMOTION: targets, VOTES: spec(self.votes.shape[1:])}, {EMOTION: weights, VOTES: weights}
        signature = (spec(self.spec.shape), targets, weights)
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(AHEAD)


def class_weights(counts: np.ndarray, kind: str) -> np.ndarray:
    """Return the weights per class, float32 (classes,), whose mean over the images is 1.

    Args:
        counts: images per class.
        kind: ``none``, ``balanced`` (n / (classes * n_class), King & Zeng 2001) or ``sqrt`` (its root, rescaled).
    """
    if kind == "none":
        return np.ones(len(counts), np.float32)
    weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
    if kind == "sqrt":
        weights = np.sqrt(weights)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
