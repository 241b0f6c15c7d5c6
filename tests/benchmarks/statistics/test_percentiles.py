from __future__ import annotations

import numpy as np
import pytest

from edgeemo.benchmarks.statistics.percentiles import percentile, queries_needed


# 64 and 662 are LoadGen's own floors for the single-stream scenario.
@pytest.mark.parametrize(("which", "needed"), [(50, 11), (90, 64), (95, 130), (99, 662)])
def test_a_percentile_needs_its_count_of_queries(which: int, needed: int) -> None:
    samples = np.arange(needed, dtype=float)
    assert queries_needed(which) == needed
    assert percentile(samples, which) is not None
    assert percentile(samples[1:], which) is None


def test_the_bound_at_the_least_count_is_the_slowest_query() -> None:
    found = percentile(np.arange(64.0), 90)
    assert found is not None
    assert found.bound == 63
    assert found.value == pytest.approx(56.7)


def test_the_bound_holds_in_99_of_100_runs() -> None:
    draw = np.random.default_rng(0)
    runs = draw.exponential(size=(2000, 300))
    truth = -np.log(1 - 0.9)
    bounds = [found.bound for run in runs if (found := percentile(run, 90))]
    share = np.mean([bound >= truth for bound in bounds])
    # Not below 99 % by more than chance, and not far above: a bound that is always right says nothing.
    assert 0.983 <= share <= 0.998
