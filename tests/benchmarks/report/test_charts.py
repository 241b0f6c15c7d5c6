from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.benchmarks.report.charts import histogram_chart, latency_over_time_chart, stage_chart
from edgeemo.edge.common.errors import EdgeemoError

from ...conftest import raises
from ..samples import sample

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("models", "names"),
    [
        pytest.param(2, ["m0", "m1 (unreliable)"], id="a line each"),
        pytest.param(9, ["all models", "half of them", "median of them"], id="too many for lines"),
    ],
)
def test_latency_over_time_names_what_it_draws(tmp_path: Path, models: int, names: list[str]) -> None:
    reasons = {1: ("too hot",)}
    records = [
        sample(name=f"m{number}", reasons=reasons.get(number, ()), rounds_ms=(0.1 + number, 0.2 + number))
        for number in range(models)
    ]
    latency_over_time_chart(records, tmp_path / "time.svg")
    text = (tmp_path / "time.svg").read_text()
    assert [name for name in names if f">{name}</text>" in text] == names
    assert (">m0</text>" in text) == (models == 2)


@pytest.mark.parametrize("draw", [histogram_chart, stage_chart])
def test_bars_of_an_unreliable_record_are_marked(tmp_path: Path, draw: object) -> None:
    draw([sample(name="cool"), sample(name="hot", reasons=("too hot",))], tmp_path / "chart.svg")  # type: ignore[operator]
    text = (tmp_path / "chart.svg").read_text()
    assert ">cool</text>" in text
    assert ">hot (unreliable)</text>" in text


def test_nothing_to_draw(tmp_path: Path) -> None:
    with raises(EdgeemoError, problem="nothing to draw$", expected="^a record with rounds_at_s"):
        latency_over_time_chart([sample(rounds_at_s=())], tmp_path / "time.svg")
