from __future__ import annotations

import numpy as np
import pytest

from edgeemo.benchmarks.statistics.histogram import Histogram


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.random.default_rng(0).lognormal(0, 0.2, 1000), id="many"),
        pytest.param(np.full(20, 0.3), id="all the same"),
        pytest.param(np.array([0.3]), id="one"),
    ],
)
def test_every_query_is_counted_once(samples: np.ndarray) -> None:
    found = Histogram.of(samples)
    assert sum(found.counts) + found.slower == len(samples)
    assert len(found.edges_ms) == len(found.counts) + 1
    assert found.edges_ms[0] == samples.min()
    assert list(found.edges_ms) == sorted(found.edges_ms)


def test_an_outlier_takes_no_bins() -> None:
    found = Histogram.of(np.array([*np.linspace(1, 2, 999), 5000.0]))
    assert found.edges_ms[-1] < 2.1
    assert 1 <= found.slower <= 11
