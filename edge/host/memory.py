"""The memory of this process."""

from __future__ import annotations

import contextlib
import resource
import sys


def memory_mb() -> float:
    """Return the peak resident memory of this process in MiB.

    Linux's VmHWM; ``ru_maxrss`` would also count what the parent had before this program replaced it.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as stream:
        for line in stream:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
