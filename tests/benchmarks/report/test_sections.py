from __future__ import annotations

from dataclasses import replace

import pytest

from edgeemo.benchmarks.instructions.count import Instructions
from edgeemo.benchmarks.measure.roofline import Ceiling
from edgeemo.benchmarks.measure.throughput import Offline
from edgeemo.benchmarks.record import Stages
from edgeemo.benchmarks.report.sections import (
    Cells,
    cost_cells,
    instruction_cells,
    percentile_cells,
    stage_cells,
    trend_cells,
)

from ..samples import sample

COUNT = Instructions(
    processor="Cortex-A72",
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    delegate="xnnpack",
    invoke=8_000_000,
    classes={"mac": 2_000_000, "simd": 6_000_000},
    spread=0.0,
    n=7,
    stages={"preprocess": {"simd": 450_000}, "invoke": {"mac": 2_000_000, "simd": 6_000_000}},
)
CRAMPED = sample(name="cramped", reasons=("too hot",))
FULL = sample(offline=Offline(32, 6000.4, 5000, 7000, 640), ceiling=Ceiling(190.2, 0.68, 0.65, 0.71))


def column(cells: Cells, name: str) -> list[str]:
    place = cells[0].index(name)
    return [row[place] for row in cells[1:]]


@pytest.mark.parametrize(
    ("cells", "name", "shown"),
    [
        pytest.param(percentile_cells([sample(p95_ms=None)]), "p90 ms [bound]", ["0.166 [0.170]"], id="bound"),
        pytest.param(percentile_cells([sample(p95_ms=None), sample()]), "p95 ms [bound]", ["-", "0.200"], id="too few"),
        pytest.param(percentile_cells([sample()]), "queries", ["1,280"], id="queries"),
        pytest.param(cost_cells([sample()]), "GMAC per s", ["139.1"], id="speed"),
        pytest.param(cost_cells([FULL, sample()]), "of the ceiling", ["68%", "-"], id="ceiling"),
        pytest.param(cost_cells([FULL]), "offline per s", ["6,000 [5,000, 7,000]"], id="offline"),
        pytest.param(cost_cells([FULL]), "batch", ["32"], id="batch"),
        pytest.param(cost_cells([CRAMPED, sample()]), "", ["unreliable", ""], id="taint of costs"),
        pytest.param(percentile_cells([CRAMPED]), "", ["unreliable"], id="taint of percentiles"),
        pytest.param(stage_cells([CRAMPED]), "", ["unreliable"], id="taint of stages"),
        pytest.param(trend_cells([CRAMPED]), "", ["unreliable"], id="taint of drift"),
        pytest.param(trend_cells([sample()]), "last over first", ["1.025"], id="trend"),
        pytest.param(stage_cells([sample(stages=None), sample()]), "invoke", ["0.160"], id="stages"),
        pytest.param(instruction_cells([sample(instructions=(COUNT,))]), "M instr.", ["8.00"], id="instructions"),
        pytest.param(instruction_cells([sample(instructions=(COUNT,))]), "simd", ["75.0%"], id="class"),
        pytest.param(instruction_cells([sample(instructions=(COUNT,))]), "preprocess", ["0.450"], id="around"),
        pytest.param(
            instruction_cells([sample(instructions=(replace(COUNT, frames=5), replace(COUNT, stages={})))]),
            "around it",
            ["median of 5 frames", "-"],
            id="frames",
        ),
    ],
)
def test_every_figure_stands_in_its_column(cells: Cells, name: str, shown: list[str]) -> None:
    assert column(cells, name) == shown
    assert {len(row) for row in cells} == {len(cells[0])}


@pytest.mark.parametrize(
    ("cells", "absent"),
    [
        pytest.param(percentile_cells([sample(p99_ms=None)]), {"p99 ms [bound]", ""}, id="percentile"),
        pytest.param(cost_cells([sample()]), {"of the ceiling", "offline per s", "batch", ""}, id="not asked for"),
        pytest.param(stage_cells([sample(stages=Stages(0.1, 0.2, 0.1, (9, 9)))]), {"decode", "total"}, id="no frames"),
        pytest.param(instruction_cells([CRAMPED, sample(instructions=(COUNT,))]), {""}, id="counts have no taint"),
    ],
)
def test_columns_that_nobody_fills_are_left_out(cells: Cells, absent: set[str]) -> None:
    assert not absent & set(cells[0])
    assert cells[1:]
