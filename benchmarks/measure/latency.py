"""Steady latency of several models, measured in turns so that a slow minute hits all alike."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...edge.common.errors import OptionError
from ..statistics.bootstrap import matched_logs
from ..statistics.percentiles import Percentile, percentile
from ..worker.client import ModelProcess

#: Rounds of turns: many short ones, because a busy machine changes its pace several times a second, and each pace
#: has to hit all models equally often.
ROUNDS = 100
#: A turn lasts at least this long: several queries of a fast model, of which a slice of the scheduler hits one.
TURN_MS = 2.0
_MOST_PER_TURN = 500
#: Long runs get longer turns instead of more of them.
MOST_ROUNDS = 600
#: The plain medians may differ by this fraction from the matched ones; until then there are more rounds...
SETTLED = 0.01
#: ...but no more than so many times as many, and not much longer than this.
SETTLING_TIMES = 6
SETTLING_SECONDS = 30.0
_ROUNDS_PER_CHECK = 10


@dataclass(frozen=True)
class Ratio:
    """Ratio of the latencies of two models, from the medians of both in each round.

    Args:
        to: name or position of the other model.
        median: median of the ratios of the rounds.
        low, high: quartiles over the rounds.
        rounds: number of them.
    """

    to: str
    median: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True)
class Latency:
    """Latencies of one model: milliseconds of single queries, each sent when the one before was answered.

    Args:
        turns: for each round the latencies of one turn, float64 (n,).
        warm_up: queries that were run and thrown away until it was steady.
        steady: whether it became steady.
        settled: whether its median became independent of which model the slow moments hit, see :func:`unsettled`.
    """

    turns: tuple[np.ndarray, ...]
    warm_up: int
    steady: bool
    settled: bool = True

    @property
    def samples(self) -> np.ndarray:
        """All latencies, float64 (n,)."""
        return np.concatenate(self.turns)

    @property
    def medians(self) -> np.ndarray:
        """Median of each round, float64 (rounds,)."""
        return np.array([np.median(turn) for turn in self.turns])

    @property
    def mean(self) -> float:
        """Mean latency in milliseconds."""
        return float(self.samples.mean())

    @property
    def throughput(self) -> float:
        """Queries per second of one stream."""
        return 1000 / self.mean

    def percentile(self, which: int) -> Percentile | None:
        """Return a percentile in milliseconds, see :func:`edgeemo.benchmarks.statistics.percentiles.percentile`."""
        return percentile(self.samples, which)

    def ratio(self, other: Latency, name: str) -> Ratio:
        """Return the ratio to a model that was measured in the same rounds."""
        ratios = self.medians / other.medians
        low, middle, high = (float(value) for value in np.quantile(ratios, (0.25, 0.5, 0.75)))
        return Ratio(name, middle, low, high, len(ratios))


@dataclass(frozen=True)
class LatencyMeasurement:
    """Latencies of all models of a run.

    Args:
        latencies: in the order of the processes.
        ends: seconds from the beginning to the end of each round.
    """

    latencies: tuple[Latency, ...]
    ends: tuple[float, ...]


@dataclass(frozen=True)
class WarmUp:
    """The warm-up of a model.

    Args:
        ms: median latency in the end.
        queries: queries that were run and thrown away.
        steady: whether it became steady.
    """

    ms: float
    queries: int
    steady: bool


def warm_up(processes: Sequence[ModelProcess]) -> list[WarmUp]:
    """Run each model until it is steady.

    Raises:
        EdgeemoError: a model that failed.
    """
    return [WarmUp(**process.ask("warm")) for process in processes]


def unsettled(turns: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return how far the plain median of each model is from the matched one, as a fraction, float64 (models,).

    On a machine with two paces the plain median of a model depends on how often the slow one hit it. The ratio of two
    models in the same round does not: the median of these ratios is right within a per cent where plain medians are
    off by many. The matched medians have the ratios of the rounds and the geometric mean of the plain medians, see
    :func:`edgeemo.benchmarks.statistics.bootstrap.matched_logs`.

    Args:
        turns: for each model its turns, one for each round, float (n,) each.
    """
    logs = np.log([[np.median(turn) for turn in own] for own in turns])
    plain = np.log([np.median(np.concatenate(own)) for own in turns])
    distance: np.ndarray = np.abs(np.expm1(plain - plain.mean() - matched_logs(logs.T)))
    return distance


def check_amount(queries: int, seconds: float) -> None:
    """Check the amount of queries.

    Raises:
        OptionError: nothing to measure, or a time that is no time.
    """
    if queries < 1:
        raise OptionError("queries out of range", expected="at least 1", got=str(queries))
    if not (0 <= seconds < math.inf):
        raise OptionError("seconds out of range", expected="0 or more", got=str(seconds))


def measure(
    processes: Sequence[ModelProcess],
    warm: Sequence[WarmUp],
    *,
    queries: int = 300,
    seconds: float = 0.0,
    together: float = 0.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LatencyMeasurement:
    """Measure models one query at a time, in rounds in which each has one turn. The order is random in each round.

    When the amounts are reached and the medians have not settled, see :func:`unsettled`, more rounds follow.

    Args:
        processes: the models, alive; all but the one whose turn it is wait.
        warm: see :func:`warm_up`.
        queries: at least so many for each model. Fast models get more, to fill their turns.
        seconds: at least so long for each model.
        together: and at least so many seconds for all of them, by the clock on the wall.
        seed: of the order.
        progress: called with rounds done and rounds planned.

    Raises:
        EdgeemoError: an amount out of range, or a model that failed.
    """
    check_amount(queries, seconds)
    rounds = min(ROUNDS, queries)
    longer = max(1.0, max(seconds, together / max(1, len(processes))) * 1000 / MOST_ROUNDS / TURN_MS)
    fill = [math.ceil(min(_MOST_PER_TURN, TURN_MS / state.ms) * longer) for state in warm]
    sizes = [max(math.ceil(queries / rounds), size) for size in fill]
    turns: list[list[np.ndarray]] = [[] for _ in processes]
    order, draw = list(range(len(processes))), random.Random(seed)
    spent = [0.0 for _ in processes]
    ends: list[float] = []
    began = time.monotonic()

    def play() -> None:
        draw.shuffle(order)
        for index in order:
            turn = np.array(processes[index].ask("measure", n=sizes[index])["ns"]) / 1e6
            turns[index].append(turn)
            spent[index] += float(turn.sum())
        ends.append(time.monotonic() - began)
        if progress:
            left = max(seconds * 1000 / min(spent), together / ends[-1])
            progress(len(ends), max(rounds, len(ends), math.ceil(len(ends) * left)))

    while len(ends) < rounds or min(spent) < seconds * 1000 or ends[-1] < together:
        play()
    distance = unsettled(turns)
    deadline = time.monotonic() + SETTLING_SECONDS
    while distance.max() > SETTLED and len(ends) < SETTLING_TIMES * rounds and time.monotonic() < deadline:
        for _ in range(_ROUNDS_PER_CHECK):
            play()
        distance = unsettled(turns)
    latencies = tuple(
        Latency(tuple(own), state.queries, state.steady, bool(far <= SETTLED))
        for own, state, far in zip(turns, warm, distance, strict=True)
    )
    return LatencyMeasurement(latencies, tuple(ends))
