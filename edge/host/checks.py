"""Checks of a machine, from its board to its power supply."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .check import Check, CheckStatus, problem, warning
from .hardware import DeviceState, read_device, read_power, read_state, text_of
from .peripheral_checks import accelerator_checks, camera_checks
from .software_checks import numpy_checks, opencv_checks, python_check, runtime_checks

#: A Pi's firmware lowers the clock from 80 degrees Celsius (``temp_soft_limit`` aside); ten below is the time to act.
_HOT_C = 80
_WARM_C = 70
#: The process takes 80 to 120 MB; below this the kernel starts to kill or to swap.
_MEMORY_MB = 200
#: Room for an update of the packages; and for a log line.
_DISK_MB = 500
_DISK_FULL_MB = 20
#: Below this the Pi 5 reports under-voltage soon (its threshold is 4.63 V; USB allows 4.75 V at least).
_SUPPLY_V = 4.75
#: Throttle bit's name -> what to do about it.
_MENDS = {
    "under-voltage": "use the board's own supply (Pi 4: 5.1 V 3 A, Pi 5: 5 V 5 A) and a short, thick cable",
    "clock capped": "see the supply and the cooling",
    "throttled": "see the supply and the cooling",
    "soft temperature limit": "give it a heat sink or a fan",
}


def run_checks(root: str | Path = "/") -> list[Check]:
    """Run all checks.

    Args:
        root: folder with the machine's /proc, /sys, /dev and /etc; another one in tests.
    """
    root = Path(root)
    state = read_state(root)
    return [
        *_machine(root),
        python_check(),
        *numpy_checks(),
        *runtime_checks(),
        *opencv_checks(),
        *accelerator_checks(root),
        *camera_checks(root),
        *_memory(root),
        disk_check(shutil.disk_usage(root).free // 1024**2),
        *_temperature(state),
        *_throttling(state),
        *_governor(state),
        *_power(),
    ]


def can_run(findings: list[Check]) -> bool:
    """Return whether edgeemo runs on this machine, by its checks."""
    return all(finding.status is not CheckStatus.PROBLEM for finding in findings)


def disk_check(free_mb: int) -> Check:
    """Check that ``free_mb`` MiB of free disk space are enough."""
    text = f"{free_mb:,} MB of disk are free"
    if free_mb < _DISK_FULL_MB:
        return problem("disk", text, "delete something: nothing can be written")
    if free_mb < _DISK_MB:
        return warning("disk", text, "make room: updates and recorded video will not fit")
    return Check("disk", text)


def _machine(root: Path) -> list[Check]:
    device = read_device(root)
    processor = f"{device.cores} cores {device.cpu}".strip()
    return [Check("board", f"{device.board or 'no single-board computer'}, {processor}"), Check("os", device.os)]


def _memory(root: Path) -> list[Check]:
    fields = dict(re.findall(r"^(\w+):\s*(\d+) kB", text_of(root / "proc/meminfo"), re.MULTILINE))
    if "MemTotal" not in fields or "MemAvailable" not in fields:
        return []
    total, free = (int(fields[name]) // 1024 for name in ("MemTotal", "MemAvailable"))
    text = f"{free:,} of {total:,} MB of memory are free"
    if free < _MEMORY_MB:
        return [warning("memory", text, "end other programs: edgeemo takes about 100 MB")]
    return [Check("memory", text)]


def _temperature(state: DeviceState) -> list[Check]:
    if state.temperature_mc is None:
        return []
    degrees = state.temperature_mc / 1000
    text = f"{degrees:.0f} °C"
    if degrees >= _HOT_C:
        return [warning("temperature", f"{text}: the clock is being lowered", "give it a heat sink or a fan")]
    if degrees >= _WARM_C:
        return [
            warning("temperature", f"{text}: {_HOT_C - degrees:.0f} below the limit", "see that air gets to the board")
        ]
    return [Check("temperature", text)]


def _throttling(state: DeviceState) -> list[Check]:
    if state.throttled is None:
        return []
    now, before = state.throttled_now, state.throttled_since_boot
    findings = [warning("throttling", f"{name} at this moment", _MENDS[name]) for name in now]
    findings += [
        warning("throttling", f"{name} at some time since boot", _MENDS[name]) for name in before if name not in now
    ]
    return findings or [Check("throttling", "none since boot")]


def _governor(state: DeviceState) -> list[Check]:
    if not state.governor:
        return []
    clock = f", {state.clock_khz / 1000:,.0f}" if state.clock_khz else ""
    limit = f" of {state.max_khz / 1000:,.0f} MHz" if clock and state.max_khz else ""
    text = f"{state.governor}{clock}{limit}"
    if state.governor == "powersave":
        hint = "echo ondemand | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        return [warning("governor", f"{text}: the clock stays low", hint)]
    return [Check("governor", text)]


def _power() -> list[Check]:
    """Check the supply of a Pi 5; other boards measure nothing."""
    power = read_power()
    if power is None or not power.watts:
        return []
    text = f"{power.watts:.1f} W on the board's rails (without USB and losses)"
    if power.supply_v is None:
        return [Check("power", text)]
    text = f"{text}, supply {power.supply_v:.2f} V"
    if power.supply_v < _SUPPLY_V:
        return [warning("power", text, _MENDS["under-voltage"])]
    return [Check("power", text)]
