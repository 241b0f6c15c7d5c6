from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.edge.inference.thread_tuning import ThreadTiming, choose, tune


def timing(threads: int, *ratios: float) -> ThreadTiming:
    return ThreadTiming(threads, 1.0, ratios)


@pytest.mark.parametrize(
    ("ratios", "threads"),
    [
        pytest.param({}, 1, id="one core"),
        pytest.param({2: [0.55] * 11}, 2, id="clearly faster"),
        pytest.param({2: [0.55] * 11, 4: [0.35] * 11}, 4, id="the fastest"),
        pytest.param({2: [0.55] * 11, 4: [1.4] * 11}, 2, id="four spin"),
        pytest.param({2: [0.9] * 11}, 1, id="too little"),
        pytest.param({2: [0.5] * 8 + [1.2] * 3}, 1, id="not repeatedly"),
        pytest.param({2: [0.5] * 10 + [1.2]}, 2, id="once slower"),
        pytest.param({2: [8.0] * 11}, 1, id="busy cores"),
    ],
)
def test_one_thread_unless_more_are_clearly_and_repeatedly_faster(ratios: dict[int, list[float]], threads: int) -> None:
    timings = [timing(1, *[1.0] * 11), *(timing(count, *values) for count, values in ratios.items())]
    assert choose(timings) == threads


def test_every_number_of_threads_is_measured_in_every_round(tiny_int8: Path) -> None:
    tuning = tune(tiny_int8, cores=2, rounds=3)
    assert [timing.threads for timing in tuning.timings] == [1, 2]
    assert all(len(timing.ratios) == 3 and timing.median_ms > 0 for timing in tuning.timings)
    assert tuning.timings[0].ratios == (1.0, 1.0, 1.0)
    assert tuning.threads in (1, 2)
