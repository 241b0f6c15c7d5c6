"""Processor time of other programs: all busy time less that of our own processes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...edge.host.hardware import text_of

#: Of the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user and nice.
_COLUMNS = 8
_IDLE = (3, 4)
#: Of /proc/PID/stat, counted after the name in parentheses: user and system time.
_OWN = (11, 12)


def foreign_cpu_seconds(root: str | Path, pids: Iterable[int]) -> float | None:
    """Return the processor time of all cores since boot that neither idled nor was ours, in seconds.

    What a hypervisor gave to other machines (steal) counts. Only differences mean anything, and only while the same
    processes are alive.

    Args:
        root: see :func:`edgeemo.edge.host.hardware.read_device`.
        pids: numbers of our processes.

    Returns:
        None when the machine does not report it.
    """
    root = Path(root)
    columns = text_of(root / "proc/stat").split("\n", 1)[0].split()[1 : _COLUMNS + 1]
    if len(columns) < _COLUMNS or not all(column.isdigit() for column in columns):
        return None
    ticks = sum(int(column) for index, column in enumerate(columns) if index not in _IDLE)
    return (ticks - sum(_own(root / f"proc/{pid}/stat") for pid in pids)) / os.sysconf("SC_CLK_TCK")


def _own(path: Path) -> int:
    fields = text_of(path).rpartition(")")[2].split()
    return sum(int(fields[index]) for index in _OWN) if len(fields) > max(_OWN) else 0
