"""Ages of frames by the timestamps of their stream."""

from __future__ import annotations

import pytest

from edgeemo.edge.sources.rtsp import StreamClock


def ages(frames: list[tuple[float, float]]) -> list[float]:
    clock = StreamClock()
    return [clock.age(position, arrived) for position, arrived in frames]


LIVE = [(0.04 * n, 100 + 0.04 * n) for n in range(50)]
#: 20 frames that FFmpeg had collected, then live ones.
PROBED = [(0.04 * n, 100.8 + 0.001 * n) for n in range(20)] + [(0.04 * n, 100 + 0.04 * n) for n in range(21, 60)]
WAITING = [(2 + 0.04 * n, 105 + 0.001 * n) for n in range(75)]
#: We slept for 3 s: 75 frames had been waiting and are read at once.
SLEPT = LIVE + WAITING + [(5 + 0.04 * n, 105.08 + 0.04 * n) for n in range(20)]
TIMELESS = [(0.0, 100.0 + n) for n in range(9)]
#: The camera counts frames as 25 a second but sends 24.9.
DRIFTING = [(0.04 * n, 100 + 0.04016 * n) for n in range(5000)]


@pytest.mark.parametrize(
    ("frames", "unknown", "oldest_known"),
    [
        (LIVE, 8, 0.001),
        (PROBED, 29, 0.001),
        (SLEPT, 8, 3.0),
        (DRIFTING, 8, 0.01),
        ([(0.0, 100 + n) for n in range(9)], 1, 0),
    ],
    ids=["live", "probed", "slept", "drifting", "no times"],
)
def test_age_of_a_frame_is_told_by_the_stream_s_clock(
    frames: list[tuple[float, float]], unknown: int, oldest_known: float
) -> None:
    found = ages(frames)
    known = [age for age in found if age != float("inf")]
    assert len(found) - len(known) <= unknown
    assert found[-1] < 0.1
    assert max(known) == pytest.approx(oldest_known, abs=0.15)
