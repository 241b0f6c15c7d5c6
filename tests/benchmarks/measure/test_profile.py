from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeemo.benchmarks.measure.profile import LEAST_ROUNDS, operator_times, profile, read_profiles, write_profiles
from edgeemo.benchmarks.report.table import profile_table
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.tflite.truncate import truncate_model

from ..samples import PROFILE, run


@pytest.mark.parametrize("count", [1, 2, -1])
def test_a_prefix_gives_what_its_last_operator_writes(tiny_float: Path, tmp_path: Path, count: int) -> None:
    data = tiny_float.read_bytes()
    operators = read_graph(data).operators
    count %= len(operators) + 1
    path = tmp_path / "prefix.tflite"
    path.write_bytes(truncate_model(data, count))
    cut = read_graph(path.read_bytes())
    assert cut.operators == operators[:count]
    assert cut.outputs == operators[count - 1].outputs
    session = load(path)
    values = np.linspace(0, 1, 48 * 48, dtype=np.float32).reshape(48, 48, 1)
    found = session.run(values)
    assert found.size == np.prod(operators[count - 1].outputs[0].shape)
    if count == len(operators):
        assert np.array_equal(found, load(tiny_float).run(values))


@pytest.mark.parametrize("count", [0, 99])
def test_there_is_no_such_prefix(tiny_float: Path, count: int) -> None:
    with pytest.raises(ValueError, match="no prefix"):
        truncate_model(tiny_float.read_bytes(), count)


# Real time on a shared machine.
@pytest.mark.flaky(reruns=2)
def test_every_operator_is_timed(tiny_int8: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = profile(tiny_int8, seconds=0, progress=lambda done, total: seen.append((done, total)))
    graph = read_graph(tiny_int8.read_bytes())
    assert [(op.name, op.macs, op.shape) for op in found.operators] == [
        (op.name, op.macs, op.outputs[0].shape) for op in graph.operators
    ]
    assert seen == [(done, LEAST_ROUNDS) for done in range(1, LEAST_ROUNDS + 1)]
    assert all(op.low <= op.high for op in found.operators)
    assert sum(op.ms for op in found.operators) == pytest.approx(found.total_ms, rel=0.5)
    # The convolutions are nearly all of it, on any machine.
    assert found.by_kind["CONV_2D"][1] > 0.5 * found.total_ms


@pytest.mark.flaky(reruns=2)
def test_the_costly_operator_is_found(tiny_int8: Path) -> None:
    found = profile(tiny_int8, seconds=0.3)
    heavy = max(range(len(found.operators)), key=lambda index: found.operators[index].macs)
    light = [op.ms for op in found.operators if op.macs == 0]
    assert found.operators[heavy].ms > max(light)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.6])
def test_an_operator_does_not_depend_on_how_often_a_slow_pace_hit_its_prefix(share: float) -> None:
    operators = np.array([0.04, 0.03, 0.001, 0.03, 0.0, 0.004, 0.006, 0.0])
    whole = np.append(np.cumsum(operators), operators.sum())
    draw = np.random.default_rng(0)
    # Each turn has a pace of its own: the median of a prefix that the slow one hit in half of the rounds is either's.
    slow = draw.random((80, len(whole))) < share
    times = whole * np.where(slow, 1.4, 1.0) * np.exp(draw.normal(0, 0.005, slow.shape))
    total, added, low, high = operator_times(times)
    assert added.sum() == pytest.approx(total, rel=0.01)
    # All of it may be at one pace or between the two, as the machine was.
    assert 0.99 < total / whole[-1] < 1.41
    assert added * whole[-1] / total == pytest.approx(operators, abs=0.001)
    assert all((low <= added + 1e-4) & (added - 1e-4 <= high))


def test_a_profile_comes_back_as_it_was(tmp_path: Path) -> None:
    written = [PROFILE, replace(PROFILE, reasons=("too hot",))]
    write_profiles(tmp_path / "p.jsonl", written)
    assert read_profiles(tmp_path / "p.jsonl") == written


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "p.jsonl cannot be read"),
        ("{}", "p.jsonl, line 1 is not a profile"),
        (json.dumps({**json.loads(PROFILE.to_json()), "schema": 9}), "p.jsonl, line 1 is not a profile"),
        ('{"schema": 1, "kind": "profile"}', "p.jsonl, line 1 is not a valid profile"),
        (json.dumps({**json.loads(PROFILE.to_json()), "color": 1}), "p.jsonl, line 1 is not a valid profile"),
    ],
)
def test_what_is_no_profile_is_said(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(EdgeemoError, match=sentence):
        read_profiles(tmp_path / "p.jsonl")


def test_the_table_names_what_is_left_to_the_runtime() -> None:
    table = profile_table(replace(PROFILE, reasons=("too hot",)))
    rows = table.splitlines()
    assert rows[2].split() == [
        "0",
        "CONV_2D",
        "24",
        "x",
        "24",
        "x",
        "8",
        "1.00",
        "0.0800",
        "0.0700",
        "to",
        "0.0900",
        "80.0%",
    ]
    assert rows[3].startswith("1 SOFTMAX (not delegated)")
    assert rows[4].split()[-1] == "79.0%"
    assert rows[-1] == "unreliable: too hot"


def test_the_command_writes_what_the_report_reads(tiny_int8: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    result = run("profile", tiny_int8, "--seconds", "0", "--out", out)
    assert result.exit_code == 0, result.output
    (found,) = read_profiles(out)
    assert f"the whole model takes {found.total_ms:#.3g} ms" in result.output
    again = run("profile", tiny_int8, "--out", out)
    assert "exists already" in again.output
