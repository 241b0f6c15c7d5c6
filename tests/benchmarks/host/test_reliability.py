from __future__ import annotations

from dataclasses import replace

import pytest

from edgeemo.benchmarks.host.reliability import unreliable_reasons
from edgeemo.edge.host.hardware import DeviceState

GOOD = DeviceState("ondemand", 1500000, 1500000, 50000, 0, (0.1, 0.1, 0.1))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        pytest.param({}, {}, None, id="nothing"),
        pytest.param({}, {"clock_khz": 1400000}, None, id="a step of the governor"),
        pytest.param({}, {"load": (1.5, 0.2, 0.1)}, None, id="our own load"),
        pytest.param({"throttled": 0x50000}, {"throttled": 0x50000}, None, id="throttled long ago"),
        pytest.param({}, {"throttled": None}, None, id="no vcgencmd"),
        pytest.param({}, {"clock_khz": 600000}, "the clock dropped from 1,500 MHz to 600 MHz", id="clock"),
        pytest.param({}, {"max_khz": 1000000}, "the highest clock was lowered from 1,500 MHz", id="ceiling"),
        pytest.param({}, {"governor": "performance"}, "changed from ondemand to performance", id="governor"),
        pytest.param(
            {"governor": "powersave"}, {"governor": "powersave"}, "powersave holds the clock down", id="powersave"
        ),
        pytest.param({}, {"throttled": 0x10001}, "the board reports under-voltage", id="throttled now"),
        pytest.param({}, {"throttled": 0x40000}, "the board reported throttled meanwhile", id="throttled in between"),
        pytest.param({"load": (2.6, 1, 1)}, {}, "other programs were busy (load average 2.6 on 4", id="load before"),
        pytest.param({}, {"load": (3.6, 1, 1)}, "other programs were busy (load average 2.6 on 4", id="load after"),
    ],
)
def test_reasons(before: dict[str, object], after: dict[str, object], reason: str | None) -> None:
    reasons = unreliable_reasons([replace(GOOD, **before), replace(GOOD, **after)], cores=4)  # type: ignore[arg-type]
    if reason is None:
        assert reasons == ()
    else:
        assert len(reasons) == 1
        assert reason in reasons[0]


def test_all_reasons_are_given() -> None:
    after = replace(GOOD, clock_khz=600000, throttled=0x4, load=(9.0, 9.0, 9.0))
    assert len(unreliable_reasons([GOOD, after], cores=4)) == 3


@pytest.mark.parametrize(
    ("between", "reason"),
    [
        pytest.param({"clock_khz": 600000}, "the clock dropped from 1,500 MHz to 600 MHz", id="clock"),
        pytest.param({"max_khz": 1000000}, "the highest clock was lowered", id="ceiling"),
        pytest.param({"governor": "powersave"}, "the governor powersave", id="governor"),
        pytest.param({"throttled": 0x2}, "the board reports clock capped", id="throttled"),
        pytest.param({"load": (4.0, 1, 1)}, "load average 3.0 on 4 cores", id="load"),
    ],
)
def test_what_was_so_in_between_alone_counts_too(between: dict[str, object], reason: str) -> None:
    (found,) = unreliable_reasons([GOOD, replace(GOOD, **between), GOOD], cores=4)  # type: ignore[arg-type]
    assert reason in found
