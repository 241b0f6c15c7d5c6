from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgeemo.benchmarks.host.cpu_time import foreign_cpu_seconds

from ...tools.boards import write

#: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice: 1 to 6 and 8 of them are busy.
STAT = "cpu  100 20 30 9000 800 4 6 40 50 0\ncpu0 100 20 30 9000 800 4 6 40 50 0\nintr 1\n"
OWN = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 33 17 900 900 20 0 1 0 5 6 7\n"


@pytest.mark.parametrize(
    ("stat", "pids", "ticks"),
    [
        pytest.param(STAT, [], 200, id="all that is not idle"),
        pytest.param(STAT, [7], 150, id="without our own, children not counted twice"),
        pytest.param(STAT, [7, 8], 150, id="a process that is gone"),
        pytest.param("cpu  1 2 3 4\n", [], None, id="an old kernel"),
        pytest.param("", [], None, id="no /proc"),
    ],
)
def test_what_others_take(tmp_path: Path, stat: str, pids: list[int], ticks: int | None) -> None:
    write(tmp_path / "proc/stat", stat)
    write(tmp_path / "proc/7/stat", OWN)
    found = foreign_cpu_seconds(tmp_path, pids)
    assert found == (None if ticks is None else ticks / os.sysconf("SC_CLK_TCK"))


@pytest.mark.skipif(foreign_cpu_seconds("/", []) is None, reason="this machine does not tell")
def test_what_this_process_computes_is_not_of_others() -> None:
    def both() -> tuple[float, float]:
        everything, others = foreign_cpu_seconds("/", []), foreign_cpu_seconds("/", [os.getpid()])
        assert everything is not None
        assert others is not None
        return everything, others

    before, began = both(), time.process_time()
    while (spent := time.process_time() - began) < 0.2:
        pass
    after = both()
    assert (after[0] - before[0]) - (after[1] - before[1]) == pytest.approx(spent, abs=0.05)
