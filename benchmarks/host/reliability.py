"""Conditions under which figures do not show what a device can do: throttling, a changing clock, other programs."""

from __future__ import annotations

from collections.abc import Sequence

from ...edge.host.hardware import DeviceState

#: A clock that falls by more than this fraction in a run is no jitter of the governor's steps (100 MHz of 1,500).
CLOCK_DROP = 0.1
#: Load average per core, without our own, and busy cores per core, above which other programs disturb the figures.
LOAD_LIMIT = 0.5


def unreliable_reasons(
    states: Sequence[DeviceState], *, cores: int, own: int = 1, others: float | None = None
) -> tuple[str, ...]:
    """Return why figures do not show what the device can do; empty when they do.

    Args:
        states: states of the device in the order of time; the first after the warm-up, when the clock has risen.
        cores: number of cores of the device.
        own: threads that the measurement itself kept busy; taken off the load after the first state.
        others: cores that other programs kept busy meanwhile, on average: the load average hardly moves in the few
            seconds that many runs take. None when unknown.
    """
    first, *later = states
    reasons = []
    governors = list(dict.fromkeys(state.governor for state in states))
    if "powersave" in governors:
        reasons.append("the governor powersave holds the clock down")
    elif len(governors) > 1:
        reasons.append(f"the governor changed from {' to '.join(name or 'none' for name in governors)}")
    lowest = min((state.clock_khz for state in later if state.clock_khz), default=None)
    if first.clock_khz and lowest and lowest < first.clock_khz * (1 - CLOCK_DROP):
        reasons.append(f"the clock dropped from {_mhz(first.clock_khz)} to {_mhz(lowest)}")
    ceiling = min((state.max_khz for state in later if state.max_khz), default=None)
    if first.max_khz and ceiling and ceiling < first.max_khz:
        reasons.append(f"the highest clock was lowered from {_mhz(first.max_khz)} to {_mhz(ceiling)}")
    limits = sorted({name for state in states for name in state.throttled_now})
    if limits:
        reasons.append(f"the board reports {', '.join(limits)}")
    since_boot = {name for state in later for name in state.throttled_since_boot}
    if risen := sorted(since_boot - {*first.throttled_since_boot, *limits}):
        reasons.append(f"the board reported {', '.join(risen)} meanwhile")
    foreign = max([_load(first), *(_load(state) - own for state in later)])
    if foreign > LOAD_LIMIT * cores:
        reasons.append(f"other programs were busy (load average {foreign:.1f} on {cores} cores)")
    elif others is not None and others > LOAD_LIMIT * cores:
        reasons.append(f"other programs were busy (on {others:.1f} of {cores} cores meanwhile)")
    return tuple(reasons)


def _load(state: DeviceState) -> float:
    return state.load[0] if state.load else 0.0


def _mhz(khz: int) -> str:
    return f"{khz / 1000:,.0f} MHz"
