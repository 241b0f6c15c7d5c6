"""Pauses out of the ordinary."""

from __future__ import annotations

import pytest

from edgeemo.edge.sources.live.gap_detector import GapDetector


@pytest.mark.parametrize(
    ("arrivals", "pauses"),
    [
        ([0.04 * n for n in range(50)], []),
        ([0.04 * n for n in range(50)] + [5.0, 5.001, 5.002], [50]),
        ([2.0 * n for n in range(30)], []),
    ],
    ids=["steady", "pause and burst", "an image every other second"],
)
def test_pauses_out_of_the_ordinary(arrivals: list[float], pauses: list[int]) -> None:
    watch = GapDetector()
    found = [index for index, arrived in enumerate(arrivals) if watch.before(arrived)]
    assert found == pauses
