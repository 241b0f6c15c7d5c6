"""Throughput when all images are there at once: MLPerf's offline scenario, scaled down."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..worker.client import ModelProcess

ROUNDS = 20
#: A turn lasts at least this long.
TURN_MS = 20.0


@dataclass(frozen=True)
class Offline:
    """Images that a model classifies per second when all are there at once.

    Args:
        batch: images in one invoke, the fastest that was tried; 1 when the model does not take more.
        per_s: images per second, median of the rounds.
        low, high: quartiles over the rounds.
        images: that were classified in all rounds.
    """

    batch: int
    per_s: float
    low: float
    high: float
    images: int


def measure_throughput(processes: Sequence[ModelProcess], *, seed: int = 0) -> list[Offline]:
    """Measure the throughput of models in turns, in random order in each round.

    Args:
        processes: the models, alive.
        seed: of the order.

    Raises:
        EdgeemoError: a model that failed.
    """
    plans = [process.ask("batches") for process in processes]
    rates: list[list[float]] = [[] for _ in processes]
    images = [0 for _ in processes]
    order, draw = list(range(len(processes))), random.Random(seed)
    for _ in range(ROUNDS):
        draw.shuffle(order)
        for index in order:
            count = int(np.ceil(TURN_MS / plans[index]["ms"]))
            spent = processes[index].ask("offline", n=count)["ns"] / 1e9
            done = count * plans[index]["batch"]
            images[index] += done
            rates[index].append(done / spent)
    found = []
    for plan, own, total in zip(plans, rates, images, strict=True):
        low, middle, high = (float(rate) for rate in np.quantile(own, (0.25, 0.5, 0.75)))
        found.append(Offline(int(plan["batch"]), middle, low, high, total))
    return found
