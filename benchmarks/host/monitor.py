"""The state of the device, read every second while something is measured."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ...edge.host.hardware import DeviceState, read_power, read_state
from .cpu_time import foreign_cpu_seconds

#: Seconds between two readings.
PERIOD = 1.0
#: Processor time is counted in hundredths of a second: shorter spans are too coarse.
_LEAST_SECONDS = 0.2


@dataclass(frozen=True)
class Reading:
    """One reading of the device.

    Args:
        seconds: time since the first reading.
        state: state of the device.
        power_w: see :class:`edgeemo.edge.host.hardware.Power`.
        others_s: see :func:`edgeemo.benchmarks.host.cpu_time.foreign_cpu_seconds`.
    """

    seconds: float
    state: DeviceState
    power_w: float | None
    others_s: float | None = None


def foreign_cores(first: Reading, last: Reading) -> float | None:
    """Return how many cores other programs kept busy between two readings, on average; None when unknown."""
    elapsed = last.seconds - first.seconds
    if first.others_s is None or last.others_s is None or elapsed < _LEAST_SECONDS:
        return None
    return max(0.0, last.others_s - first.others_s) / elapsed


@dataclass(frozen=True)
class Trace:
    """The readings of a run, column by column. None stands for what the device does not report.

    Args:
        seconds: time since the first reading.
        governor: governor of the CPU frequency.
        clock_khz, max_khz: clock of the fastest core, and its limit.
        temperature_mc: temperature in millidegrees Celsius.
        throttled: bits of ``vcgencmd get_throttled``.
        load: load average over one minute.
        power_w: watts of all rails that the board measures.
        others: cores that other programs kept busy since the reading before; missing in records of schema 3.
    """

    seconds: tuple[float, ...]
    governor: tuple[str, ...]
    clock_khz: tuple[int | None, ...]
    max_khz: tuple[int | None, ...]
    temperature_mc: tuple[int | None, ...]
    throttled: tuple[int | None, ...]
    load: tuple[float | None, ...]
    power_w: tuple[float | None, ...]
    others: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Trace:
        """Return the columns of some readings."""
        states = [reading.state for reading in readings]
        others = [None, *(foreign_cores(before, after) for before, after in itertools.pairwise(readings))]
        return cls(
            seconds=tuple(round(reading.seconds, 2) for reading in readings),
            governor=tuple(state.governor for state in states),
            clock_khz=tuple(state.clock_khz for state in states),
            max_khz=tuple(state.max_khz for state in states),
            temperature_mc=tuple(state.temperature_mc for state in states),
            throttled=tuple(state.throttled for state in states),
            load=tuple(state.load[0] if state.load else None for state in states),
            power_w=tuple(None if one.power_w is None else round(one.power_w, 3) for one in readings),
            others=tuple(cores if cores is None else round(cores, 2) for cores in others),
        )

    def __str__(self) -> str:
        """Return the range of everything that the device reports."""
        parts = [f"governor {', '.join(dict.fromkeys(filter(None, self.governor)))}"] if any(self.governor) else []
        for name, values, scale, unit in (
            ("clock", self.clock_khz, 1e-3, "MHz"),
            ("temperature", self.temperature_mc, 1e-3, "C"),
            ("load", self.load, 1.0, ""),
            ("others busy on", self.others, 1.0, "cores"),
            ("power", self.power_w, 1.0, "W"),
        ):
            known = [value * scale for value in values if value is not None]
            if known:
                low, high = f"{min(known):.4g}", f"{max(known):.4g}"
                parts.append(f"{name} {low if low == high else f'{low} to {high}'} {unit}".strip())
        if bits := dict.fromkeys(hex(bits) for bits in self.throttled if bits is not None):
            parts.append(f"throttle bits {', '.join(bits)}")
        return ", ".join(parts)


class DeviceMonitor:
    """Reads the state of the device when its block is entered, every second inside it, and when the block ends.

    A thread does it; it costs about a millisecond a second, with ``vcgencmd`` some more, while the process that
    measures is another.

    Args:
        root: see :func:`edgeemo.edge.host.hardware.read_device`.
        period: seconds between two readings.
        pids: numbers of the processes that measure, this one apart; alive until the block ends.
    """

    def __init__(self, *, root: str | Path = "/", period: float = PERIOD, pids: Iterable[int] = ()) -> None:
        self.readings: list[Reading] = []
        self._root, self._period, self._pids = root, period, (os.getpid(), *pids)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def __enter__(self) -> DeviceMonitor:
        self._began = time.monotonic()
        self._read()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._read()

    @property
    def states(self) -> list[DeviceState]:
        """States of all readings, in the order of time."""
        return [reading.state for reading in self.readings]

    @property
    def others(self) -> float | None:
        """Cores that other programs kept busy from the first reading to the last, on average; None when unknown."""
        return foreign_cores(self.readings[0], self.readings[-1])

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self._read()

    def _read(self) -> None:
        seconds = time.monotonic() - self._began
        others = foreign_cpu_seconds(self._root, self._pids)
        power = read_power()
        self.readings.append(Reading(seconds, read_state(self._root), power.watts if power else None, others))
