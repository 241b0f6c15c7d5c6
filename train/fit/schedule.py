"""Learning rate, stopping and best epoch as pure functions of the history: a resumed run continues as it would have."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..config.recipe import EarlyStopping, Schedule

History = Sequence[dict[str, float]]


def learning_rate(schedule: Schedule, base: float, history: History, progress: float) -> float:
    """Return the learning rate at a moment of training.

    Args:
        schedule: kind and length.
        base: the optimizer's learning rate.
        history: the finished epochs.
        progress: epochs done, with a fraction inside an epoch.
    """
    if progress < schedule.warmup:
        # The first step is not at zero: it would be wasted.
        return base * max(progress, 0.01) / schedule.warmup
    if schedule.kind == "cosine":
        # Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
        done = (progress - schedule.warmup) / max(schedule.epochs - schedule.warmup, 1e-9)
        return base * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if schedule.kind == "plateau":
        return _plateau(schedule, base, [row["val_loss"] for row in history])
    return base


def best_epoch(history: History, monitor: str) -> int:
    """Index of the best finished epoch, the earliest of equals. ``monitor``: ``val_accuracy`` or ``val_loss``."""
    sign = 1 if monitor == "val_loss" else -1
    return min(range(len(history)), key=lambda index: sign * history[index][monitor])


def kept_epoch(history: History, stopping: EarlyStopping) -> int:
    """Index of the finished epoch that is the result so far."""
    return len(history) - 1 if stopping.keep == "last" else best_epoch(history, stopping.monitor)


def should_stop(stopping: EarlyStopping, history: History) -> bool:
    """Return whether ``patience`` epochs have passed since the best one; never with patience 0."""
    if not stopping.patience or not history:
        return False
    return len(history) - 1 - best_epoch(history, stopping.monitor) >= stopping.patience


def _plateau(schedule: Schedule, base: float, losses: Sequence[float]) -> float:
    rate, best, waited = base, math.inf, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= schedule.patience:
            rate, waited = max(rate * schedule.factor, schedule.minimum), 0
    return rate
