"""What the probes that ship add to tables and reports, and what a probe of others adds when it measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeemo.benchmarks.instructions.count import Instructions
from edgeemo.benchmarks.measure.roofline import Ceiling
from edgeemo.benchmarks.measure.stages import Stages
from edgeemo.benchmarks.measure.throughput import Offline
from edgeemo.benchmarks.probes.probe import COST, SUMMARY, Column, Probe
from edgeemo.benchmarks.probes.registry import PROBES, chosen_probes, probe_rows, probe_sections
from edgeemo.benchmarks.record import BenchmarkRecord
from edgeemo.edge.common.registry import Registry

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
CROPS = sample(stages=Stages(0.1, 0.2, 0.1, (9, 9)))
FEW = sample(p95_ms=None)
CRAMPED = sample(name="cramped", reasons=("too hot",))
FULL = sample(offline=Offline(32, 6000.4, 5000, 7000, 640), ceiling=Ceiling(190.2, 0.68, 0.65, 0.71))


Cells = list[list[str]]


def section(start: str, records: list[BenchmarkRecord]) -> Cells:
    """Rows of the section of a report whose title begins so."""
    (found,) = (section.rows for section in probe_sections(records) if section.title.startswith(start))
    return found


def cost_cells(records: list[BenchmarkRecord]) -> Cells:
    return probe_rows(records, COST)


def column(cells: Cells, name: str) -> list[str]:
    place = cells[0].index(name)
    return [row[place] for row in cells[1:]]


@pytest.mark.parametrize(
    ("cells", "name", "shown"),
    [
        pytest.param(section("Percentiles", [FEW]), "p90 ms [bound]", ["0.166 [0.170]"], id="bound"),
        pytest.param(
            section("Percentiles", [sample(p95_ms=None), sample()]), "p95 ms [bound]", ["-", "0.200"], id="too few"
        ),
        pytest.param(section("Percentiles", [sample()]), "queries", ["1,280"], id="queries"),
        pytest.param(cost_cells([sample()]), "GMAC per s", ["139.1"], id="speed"),
        pytest.param(cost_cells([FULL, sample()]), "of the ceiling", ["68%", "-"], id="ceiling"),
        pytest.param(cost_cells([FULL]), "offline per s", ["6,000 [5,000, 7,000]"], id="offline"),
        pytest.param(cost_cells([FULL]), "batch", ["32"], id="batch"),
        pytest.param(cost_cells([CRAMPED, sample()]), "", ["unreliable", ""], id="mark of costs"),
        pytest.param(section("Percentiles", [CRAMPED]), "", ["unreliable"], id="mark of percentiles"),
        pytest.param(section("Stages", [CRAMPED]), "", ["unreliable"], id="mark of stages"),
        pytest.param(section("Change", [CRAMPED]), "", ["unreliable"], id="mark of trends"),
        pytest.param(section("Change", [sample()]), "last over first", ["1.025"], id="trend"),
        pytest.param(section("Stages", [sample(stages=None), sample()]), "invoke", ["0.160"], id="stages"),
        pytest.param(section("Executed", [sample(instructions=(COUNT,))]), "M instr.", ["8.00"], id="instructions"),
        pytest.param(section("Executed", [sample(instructions=(COUNT,))]), "simd", ["75.0%"], id="class"),
        pytest.param(section("Executed", [sample(instructions=(COUNT,))]), "preprocess", ["0.450"], id="around"),
        pytest.param(
            section("Executed", [sample(instructions=(replace(COUNT, frames=5), replace(COUNT, stages={})))]),
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
        pytest.param(section("Percentiles", [sample(p99_ms=None)]), {"p99 ms [bound]", ""}, id="percentile"),
        pytest.param(cost_cells([sample()]), {"of the ceiling", "offline per s", "batch", ""}, id="not asked for"),
        pytest.param(
            section("Stages", [sample(stages=Stages(0.1, 0.2, 0.1, (9, 9)))]), {"decode", "total"}, id="no frames"
        ),
        pytest.param(section("Executed", [CRAMPED, sample(instructions=(COUNT,))]), {""}, id="counts have no mark"),
    ],
)
def test_columns_that_nobody_fills_are_left_out(cells: Cells, absent: set[str]) -> None:
    assert not absent & set(cells[0])
    assert cells[1:]


def test_a_record_of_a_missing_plugin_is_shown_without_it() -> None:
    records = [sample(metrics={"absent": 5})]
    assert probe_rows(records, SUMMARY) == probe_rows([sample()], SUMMARY)


def test_a_plugin_s_column_has_a_dash_where_it_did_not_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Probe(columns=(Column("toys", lambda record: str(record.metrics["toy"])),))
    monkeypatch.setattr(Registry, "names", lambda registry: [*registry.builtin, "toy"])
    load = Registry.load
    monkeypatch.setattr(Registry, "load", lambda registry, name: toy if name == "toy" else load(registry, name))
    assert column(probe_rows([sample(metrics={"toy": 3}), sample()], SUMMARY), "toys") == ["3", "-"]
    assert "toys" not in probe_rows([sample()], SUMMARY)[0]


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ({}, set()),
        ({"offline": False, "frames": ("a.png",), "arm_python": ("python",)}, set()),
        ({"offline": True}, {"throughput"}),
        ({"offline": True, "instructions": True}, {"throughput", "instructions"}),
    ],
)
def test_a_probe_with_a_switch_measures_when_it_is_on(values: dict[str, object], more: set[str]) -> None:
    always = {"size", "latency", "loading", "memory", "compute", "delegation", "stages", "trend", "accuracy"}
    assert set(chosen_probes(values)) == always | more


def test_every_switch_is_an_option_of_its_probe() -> None:
    for name in PROBES.builtin:
        probe = PROBES.load(name)
        assert probe.switch is None or probe.switch in {option.name for option in probe.options}
