"""What a device is, and its state: clocks, temperature, throttling, load. Read from /proc, /sys and vcgencmd."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ..edge.runtime import installed, version

#: Bits of ``vcgencmd get_throttled``: what is so now; 16 bits higher stands what was so at some time since boot.
THROTTLE_BITS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_BOOT = 16
#: A clock that falls by more than this fraction in a run is no jitter of the governor's steps (100 MHz of 1,500).
CLOCK_DROP = 0.1
#: Load average per core, without our own, above which other programs are in the way.
LOAD_LIMIT = 0.5
_ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
}


@dataclass(frozen=True)
class Device:
    """What does not change while a benchmark runs.

    Args:
        board: model of the board (``Raspberry Pi 5 Model B Rev 1.0``), or empty.
        cpu: name of the processor.
        cores: logical ones.
        memory_mb: RAM in MiB; None when unknown.
        machine: ``aarch64``, ``x86_64``, ...
        os: name and version.
        python: version.
        runtimes: installed TFLite runtime -> version.
    """

    board: str
    cpu: str
    cores: int
    memory_mb: int | None
    machine: str
    os: str
    python: str
    runtimes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.board or self.cpu or self.machine}, {self.cores} cores"


@dataclass(frozen=True)
class DeviceState:
    """What does change. None (or an empty name) stands for what this device does not tell.

    Args:
        governor: of the CPU frequency.
        clock_khz: of the fastest core at this moment.
        max_khz: what the governor may choose at most.
        temperature_mc: millidegrees Celsius.
        throttled: bits of ``vcgencmd get_throttled``.
        load: load averages over 1, 5 and 15 minutes.
    """

    governor: str = ""
    clock_khz: int | None = None
    max_khz: int | None = None
    temperature_mc: int | None = None
    throttled: int | None = None
    load: tuple[float, float, float] | None = None

    @property
    def throttled_now(self) -> tuple[str, ...]:
        """Names of what limits the device at this moment."""
        return _names(self.throttled or 0)

    @property
    def throttled_since_boot(self) -> tuple[str, ...]:
        """Names of what limited the device at some time since boot."""
        return _names((self.throttled or 0) >> _SINCE_BOOT)


def read_device(root: str | Path = "/") -> Device:
    """Look at the device.

    Args:
        root: where its /proc and /sys are; another folder in tests.
    """
    root = Path(root)
    cpuinfo = _text(root / "proc/cpuinfo")
    part = _field(cpuinfo, "CPU part")
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', _text(root / "etc/os-release"), re.MULTILINE))
    return Device(
        board=_text(root / "proc/device-tree/model"),
        cpu=_field(cpuinfo, "model name") or _ARM_PARTS.get(part, f"Arm part {part}" if part else ""),
        cores=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or os.cpu_count() or 1,
        memory_mb=int(memory.group(1)) // 1024 if memory else None,
        machine=platform.machine(),
        os=release.get("PRETTY_NAME", platform.platform()),
        python=platform.python_version(),
        runtimes={name: version(name) for name in installed()},
    )


def read_state(root: str | Path = "/") -> DeviceState:
    """Look at its state; see :func:`read_device`. ``vcgencmd`` is taken from the PATH when it is there."""
    root = Path(root)
    policies = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))
    load = _text(root / "proc/loadavg").split()
    return DeviceState(
        governor=next(filter(None, (_text(policy / "scaling_governor") for policy in policies)), ""),
        clock_khz=max(filter(None, (_number(policy / "scaling_cur_freq") for policy in policies)), default=None),
        max_khz=max(filter(None, (_number(policy / "scaling_max_freq") for policy in policies)), default=None),
        temperature_mc=_number(root / "sys/class/thermal/thermal_zone0/temp"),
        throttled=_throttled(),
        load=(float(load[0]), float(load[1]), float(load[2])) if len(load) >= 3 else None,
    )


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


def _throttled() -> int | None:
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    try:
        answer = subprocess.run([tool, "get_throttled"], capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"throttled=(0x[0-9a-fA-F]+)", answer)
    return int(match.group(1), 16) if match else None


def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in THROTTLE_BITS.items() if bits >> bit & 1)


def _text(path: Path) -> str:
    """Contents of a small file, without the NUL and newline at its end; empty when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def _field(cpuinfo: str, name: str) -> str:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return match.group(1).strip() if match else ""


def _mhz(khz: int) -> str:
    return f"{khz / 1000:,.0f} MHz"
