"""Whether figures show what a device can do, or what was in its way meanwhile."""

from __future__ import annotations

from ..edge.board import DeviceState

#: A clock that falls by more than this fraction in a run is no jitter of the governor's steps (100 MHz of 1,500).
CLOCK_DROP = 0.1
#: Load average per core, without our own, above which other programs are in the way.
LOAD_LIMIT = 0.5


def taint(before: DeviceState, after: DeviceState, *, cores: int, own: int = 1) -> tuple[str, ...]:
    """Why figures that were taken between two states do not show what the device can do; empty when they do.

    Args:
        before: state when the measuring began, warmed up, so that the clock was up already.
        after: state when it ended.
        cores: of the device.
        own: threads that the measuring itself kept busy; taken off the load at the end.
    """
    reasons = []
    if "powersave" in (before.governor, after.governor):
        reasons.append("the governor powersave holds the clock down")
    elif before.governor != after.governor:
        reasons.append(f"the governor changed from {before.governor} to {after.governor}")
    if before.clock_khz and after.clock_khz and after.clock_khz < before.clock_khz * (1 - CLOCK_DROP):
        reasons.append(f"the clock dropped from {_mhz(before.clock_khz)} to {_mhz(after.clock_khz)}")
    if before.max_khz and after.max_khz and after.max_khz < before.max_khz:
        reasons.append(f"the highest clock was lowered from {_mhz(before.max_khz)} to {_mhz(after.max_khz)}")
    limits = sorted({*before.throttled_now, *after.throttled_now})
    if limits:
        reasons.append(f"the board reports {', '.join(limits)}")
    if risen := sorted({*after.throttled_since_boot} - {*before.throttled_since_boot, *limits}):
        reasons.append(f"the board reported {', '.join(risen)} meanwhile")
    foreign = max(before.load[0] if before.load else 0.0, after.load[0] - own if after.load else 0.0)
    if foreign > LOAD_LIMIT * cores:
        reasons.append(f"other programs were busy (load average {foreign:.1f} on {cores} cores)")
    return tuple(reasons)


def _mhz(khz: int) -> str:
    return f"{khz / 1000:,.0f} MHz"
