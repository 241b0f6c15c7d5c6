"""Number of threads for a model on this machine: measured in turns, one unless more are clearly faster."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .interpreter import Session, load

#: Rounds; in each, every number of threads has one turn, in a new order, so that a slow moment hits all alike.
ROUNDS = 11
#: A turn lasts this long at least, and has that many queries at least, of which the first does not count.
_TURN_S = 0.04
_TURN_QUERIES = 4
#: More threads heat the board and are taken from the camera and the detector: they must save this share of the time ...
MIN_GAIN = 0.2
#: ... in the median, and be faster at all in this share of the rounds.
MIN_ROUNDS = 0.9


@dataclass(frozen=True)
class ThreadTiming:
    """Timing of one number of threads.

    Args:
        threads: number of threads.
        median_ms: median time of a query, ms.
        ratios: time against one thread, a figure for each round.
    """

    threads: int
    median_ms: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.ratios)

    @property
    def won(self) -> int:
        """Rounds in which it was faster than one thread."""
        return sum(ratio < 1 for ratio in self.ratios)


@dataclass(frozen=True)
class Tuning:
    """Timings of all numbers of threads, and the number to take.

    Args:
        runtime: measured runtime.
        timings: by number of threads.
        threads: to be taken.
    """

    runtime: str
    timings: tuple[ThreadTiming, ...]
    threads: int


def tune(path: str | Path, *, cores: int, runtime: str = "auto", rounds: int = ROUNDS) -> Tuning:
    """Measure a model with 1 to ``cores`` threads.

    Args:
        path: path of the .tflite.
        cores: cores of the machine.
        runtime: see :func:`edgeemo.edge.inference.interpreter.load`.
        rounds: see :data:`ROUNDS`.

    Raises:
        EdgeemoError: the model cannot be loaded.
    """
    sessions = {threads: load(path, runtime=runtime, threads=threads) for threads in range(1, cores + 1)}
    turns = {threads: _turn(session) for threads, session in sessions.items()}
    for turn in turns.values():
        turn()
    order, drawn = list(turns), random.Random(0)
    times: dict[int, list[float]] = {threads: [] for threads in turns}
    for _ in range(rounds):
        drawn.shuffle(order)
        for threads in order:
            times[threads].append(turns[threads]())
    timings = tuple(
        ThreadTiming(
            threads,
            1000 * statistics.median(seconds),
            tuple(own / one for own, one in zip(seconds, times[1], strict=True)),
        )
        for threads, seconds in times.items()
    )
    return Tuning(sessions[1].runtime, timings, choose(timings))


def choose(timings: Sequence[ThreadTiming]) -> int:
    """Return the fastest number of threads among those clearly and repeatedly faster than one, else one."""
    better = [
        timing
        for timing in timings
        if timing.threads > 1 and timing.ratio <= 1 - MIN_GAIN and timing.won >= MIN_ROUNDS * len(timing.ratios)
    ]
    return min(better, key=lambda timing: timing.ratio).threads if better else 1


def _turn(session: Session) -> Callable[[], float]:
    """Return a function that runs one turn and returns its median time of a query, in seconds."""
    noise = np.random.default_rng(0).random(session.input.shape, np.float32)
    tensor = session.input.encode(noise)

    def turn() -> float:
        session.invoke(tensor)
        times: list[float] = []
        end = time.perf_counter() + _TURN_S
        while len(times) < _TURN_QUERIES - 1 or time.perf_counter() < end:
            start = time.perf_counter()
            session.invoke(tensor)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    return turn
