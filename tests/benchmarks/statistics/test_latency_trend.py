from __future__ import annotations

import numpy as np
import pytest

from edgeemo.benchmarks.statistics.latency_trend import LatencyTrend


@pytest.mark.parametrize(
    ("last", "low", "high"), [pytest.param(1.0, 0.97, 1.03, id="steady"), pytest.param(1.5, 1.3, 1.5, id="hot")]
)
def test_the_last_fifth_is_held_against_the_first(last: float, low: float, high: float) -> None:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.01, 100))
    trend = LatencyTrend.of(np.linspace(1, last, 100) * noise, np.linspace(6, 600, 100).tolist())
    assert trend.minutes == 10
    assert low < trend.low <= trend.ratio <= trend.high < high
    assert trend.ratio == pytest.approx(trend.last_ms / trend.first_ms)


def test_one_round_has_no_trend() -> None:
    assert LatencyTrend.of(np.array([0.5]), [1.0]).ratio == 1
