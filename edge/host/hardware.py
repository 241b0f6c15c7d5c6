"""Hardware of this machine and its state (clocks, temperature, throttling, load), from /proc, /sys and vcgencmd."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ..inference.interpreter import installed_runtimes, runtime_version

#: Bits of ``vcgencmd get_throttled``: what is so now; 16 bits higher stands what was so at some time since boot.
THROTTLE_BITS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_BOOT = 16
#: A rail in the answer of ``vcgencmd pmic_read_adc``.
_RAIL = re.compile(r"(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([0-9.]+)[AV]")
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
    """A machine: what does not change while it is up.

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
class Power:
    """Reading of a Raspberry Pi 5's power controller.

    Args:
        watts: sum of current times voltage over all rails. The rails are behind the board's own converters: USB devices
            and losses are not included, so that a wall meter shows more.
        supply_v: volts of the supply; None when it is not measured.
    """

    watts: float
    supply_v: float | None = None


@dataclass(frozen=True)
class DeviceState:
    """State of a machine at one moment; None (or an empty name) for what it does not report.

    Args:
        governor: governor of the CPU frequency.
        clock_khz: clock of the fastest core at this moment.
        max_khz: highest clock that the governor may choose.
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
        """Reasons why the device is throttled at this moment."""
        return _names(self.throttled or 0)

    @property
    def throttled_since_boot(self) -> tuple[str, ...]:
        """Reasons why the device was throttled at some time since boot."""
        return _names((self.throttled or 0) >> _SINCE_BOOT)


def read_device(root: str | Path = "/") -> Device:
    """Read what this machine is.

    Args:
        root: folder with its /proc and /sys; another one in tests.
    """
    root = Path(root)
    cpuinfo = text_of(root / "proc/cpuinfo")
    part = _field(cpuinfo, "CPU part")
    memory = re.search(r"^MemTotal:\s*(\d+) kB", text_of(root / "proc/meminfo"), re.MULTILINE)
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text_of(root / "etc/os-release"), re.MULTILINE))
    return Device(
        board=text_of(root / "proc/device-tree/model"),
        cpu=_field(cpuinfo, "model name") or _ARM_PARTS.get(part, f"Arm part {part}" if part else ""),
        cores=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or os.cpu_count() or 1,
        memory_mb=int(memory.group(1)) // 1024 if memory else None,
        machine=platform.machine(),
        os=release.get("PRETTY_NAME", platform.platform()),
        python=platform.python_version(),
        runtimes={name: runtime_version(name) for name in installed_runtimes()},
    )


def read_state(root: str | Path = "/") -> DeviceState:
    """Read the state of this machine; see :func:`read_device`. ``vcgencmd`` is taken from the PATH when it is there."""
    root = Path(root)
    policies = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))
    load = text_of(root / "proc/loadavg").split()
    return DeviceState(
        governor=next(filter(None, (text_of(policy / "scaling_governor") for policy in policies)), ""),
        clock_khz=max(filter(None, (number_in(policy / "scaling_cur_freq") for policy in policies)), default=None),
        max_khz=max(filter(None, (number_in(policy / "scaling_max_freq") for policy in policies)), default=None),
        temperature_mc=number_in(root / "sys/class/thermal/thermal_zone0/temp"),
        throttled=_throttled(),
        load=(float(load[0]), float(load[1]), float(load[2])) if len(load) >= 3 else None,
    )


def vcgencmd(question: str) -> str:
    """Return the answer of a Raspberry Pi's firmware, by the ``vcgencmd`` on the PATH; empty without one."""
    tool = shutil.which("vcgencmd")
    if tool is None:
        return ""
    try:
        return subprocess.run([tool, question], capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def read_power() -> Power | None:
    """Return what the power controller of a Raspberry Pi 5 measures, or None where nothing is measured.

    ``vcgencmd`` is taken from the PATH; boards before the Pi 5 answer with an error.
    """
    return parse_power(vcgencmd("pmic_read_adc"))


def parse_power(answer: str) -> Power | None:
    """Return the reading of a Raspberry Pi 5's power controller, or None when no rail has both current and voltage.

    Args:
        answer: output of ``vcgencmd pmic_read_adc``: lines such as ``VDD_CORE_A current(7)=0.72592000A`` and
            ``VDD_CORE_V volt(15)=0.72010480V``, paired by name; ``EXT5V_V`` and ``BATT_V`` have no current.
    """
    found: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for rail, unit, value in _RAIL.findall(answer):
        found[unit][rail] = float(value)
    currents, volts = found["A"], found["V"]
    both = currents.keys() & volts.keys()
    if not both:
        return None
    return Power(sum(currents[rail] * volts[rail] for rail in both), volts.get("EXT5V"))


def _throttled() -> int | None:
    match = re.search(r"throttled=(0x[0-9a-fA-F]+)", vcgencmd("get_throttled"))
    return int(match.group(1), 16) if match else None


def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in THROTTLE_BITS.items() if bits >> bit & 1)


def text_of(path: Path) -> str:
    """Return the text of a small file, without NUL and newline at its end; empty when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""


def number_in(path: Path) -> int | None:
    text = text_of(path)
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def _field(cpuinfo: str, name: str) -> str:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return match.group(1).strip() if match else ""
