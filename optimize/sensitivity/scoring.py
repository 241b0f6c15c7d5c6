"""Scores of trial models: compared with the float model on a validation set, and timed against each other."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ...edge.inference.classifier import Classifier
from ...edge.model.card import ModelCard
from ...train.datasets.dataset import Dataset
from ..validation import mean_kl

#: Half a step of an int8 probability. A zero there says "less than that", and no smaller floor may punish it.
INT8_FLOOR = 1 / 512


@dataclass(frozen=True)
class EvalSet:
    """Validation images with the float model's probabilities. Never test images: choices depend on them.

    Args:
        pixels: uint8 (n, height, width, channels).
        targets: int64 (n,).
        reference: the float model's probabilities, float32 (n, labels).
    """

    pixels: np.ndarray
    targets: np.ndarray
    reference: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, model: bytes, card: ModelCard) -> EvalSet:
        """Run a float .tflite on all images of a data set."""
        dataset = dataset.relabeled(card.labels)
        pixels = dataset.pixels(card.input)
        return cls(pixels, dataset.targets, Classifier.from_bytes(model, card).predict(pixels))

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy of the float model."""
        return float((self.reference.argmax(axis=1) == self.targets).mean())

    def evaluate(self, model: bytes, card: ModelCard) -> Score:
        """Score another model on the same images."""
        found = Classifier.from_bytes(model, card).predict(self.pixels)
        return Score(
            accuracy=float((found.argmax(axis=1) == self.targets).mean()),
            agreement=float((found.argmax(axis=1) == self.reference.argmax(axis=1)).mean()),
            kl=mean_kl(self.reference, found, floor=INT8_FLOOR),
            probabilities=found,
        )


@dataclass(frozen=True)
class Score:
    """Score of a model on an :class:`EvalSet`.

    Args:
        accuracy: top-1.
        agreement: fraction with the float model's label.
        kl: mean Kullback-Leibler divergence from the float model's probabilities, nats.
        probabilities: float32 (n, labels).
    """

    accuracy: float
    agreement: float
    kl: float
    probabilities: np.ndarray


def latency_ratio(first: Classifier, second: Classifier, *, rounds: int = 15, seconds: float = 0.02) -> float:
    """Return the latency of the second model over that of the first: median over rounds in which both have one turn.

    Args:
        first, second: the models, one thread each.
        rounds: turns of each.
        seconds: about so long a turn, so that a slice of the scheduler does not hit one of them alone.
    """
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, first.card.input.shape, np.uint8)
    calls = []
    for model in (first, second):
        tensor = model.encode(pixels)
        model.session.invoke(tensor)
        began = time.perf_counter()
        model.session.invoke(tensor)
        count = max(1, int(seconds / max(time.perf_counter() - began, 1e-6)))
        calls.append((model.session, tensor, count))
    ratios = []
    for number in range(rounds):
        times = {}
        for index in (0, 1) if number % 2 else (1, 0):
            session, tensor, count = calls[index]
            began = time.perf_counter()
            for _ in range(count):
                session.invoke(tensor)
            times[index] = (time.perf_counter() - began) / count
        ratios.append(times[1] / times[0])
    return float(np.median(ratios))
