from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edgeemo.benchmarks.compare import compare
from edgeemo.benchmarks.instructions.count import Instructions
from edgeemo.benchmarks.record import BenchmarkRecord, write_records
from edgeemo.edge.common.errors import EdgeemoError

from .samples import run as benchmark
from .samples import sample

DRAW = np.random.default_rng(1)


def record(
    name: str, factor: float = 1.0, *, spread: float = 0.02, rounds: int = 20, **more: object
) -> BenchmarkRecord:
    """A record whose rounds scatter around 0.2 ms times a factor."""
    medians = 0.2 * factor * np.exp(DRAW.normal(0, spread, rounds))
    return sample(name=name, rounds_ms=tuple(medians), **{"ratio": None, **more})


def run(folder: Path, old: list[BenchmarkRecord], new: list[BenchmarkRecord], *options: str) -> Result:
    write_records(folder / "old.jsonl", old)
    write_records(folder / "new.jsonl", new)
    return benchmark("compare", folder / "old.jsonl", folder / "new.jsonl", *options)


@pytest.mark.parametrize(
    ("factor", "spread", "verdict", "status"),
    [
        pytest.param(1.0, 0.005, "same", 0, id="same"),
        pytest.param(1.02, 0.005, "same", 0, id="less than matters"),
        pytest.param(1.2, 0.02, "slower", 3, id="slower"),
        pytest.param(0.8, 0.02, "faster", 0, id="faster"),
        pytest.param(1.2, 0.8, "unclear", 0, id="lost in the noise"),
    ],
)
def test_the_verdict_depends_on_change_and_noise(
    tmp_path: Path, factor: float, spread: float, verdict: str, status: int
) -> None:
    result = run(tmp_path, [record("m", spread=spread)], [record("m", factor, spread=spread)])
    assert result.exit_code == status, result.output
    assert result.stdout.splitlines()[2].split()[-1] == verdict
    assert ("slower than before: m (1.2" in result.stderr) == (status == 3)


def test_the_noise_alone_is_hardly_ever_called_slower() -> None:
    # A slow moment spans several rounds: each round keeps 60 % of the deviation of the one before.
    def correlated() -> BenchmarkRecord:
        steps, deviation, medians = DRAW.normal(0, 0.05, 20), 0.0, []
        for step in steps:
            deviation = 0.6 * deviation + step
            medians.append(0.2 * np.exp(deviation))
        return sample(name="m", rounds_ms=tuple(medians))

    slower = sum(bool(compare([correlated()], [correlated()]).slower) for _ in range(30))
    assert slower <= 2


def test_relative_forgives_a_slow_machine() -> None:
    # The whole machine is twice as slow in the new run; only the second model got slower by itself.
    pace = np.exp(DRAW.normal(0, 0.3, 20))

    def of_a_run(run: str, name: str, factor: float) -> BenchmarkRecord:
        medians = factor * pace * np.exp(DRAW.normal(0, 0.005, 20))
        ratio = None if name == "first" else sample().ratio
        return sample(name=name, run=run, rounds_ms=tuple(medians), ratio=ratio)

    old = [of_a_run("old", name, 1) for name in ("first", "a", "b")]
    new = [of_a_run("new", name, factor) for name, factor in (("first", 2), ("a", 2), ("b", 2.4))]
    verdicts = {change.name: change.verdict for change in compare(old, new, relative=True).changes}
    assert verdicts == {"a": "same", "b": "slower"}
    assert {change.verdict for change in compare(old, new).changes} == {"slower"}


def test_unreliable_records_prove_nothing_and_are_never_mixed_in(tmp_path: Path) -> None:
    hot = record("hot", 2.0, reasons=("too hot",))
    result = run(tmp_path, [record("hot"), record("cool")], [hot, record("cool")])
    assert result.exit_code == 0, result.output
    assert "unreliable: too hot" in result.stdout
    # With a clean run of the model beside it, the unreliable one is left out.
    (change,) = compare([record("hot")], [hot, record("hot", 1.0)]).changes
    assert change.ratio == pytest.approx(1, abs=0.05)
    assert change.reasons == ()
    counted = run(tmp_path, [record("hot"), record("cool")], [hot, record("cool")], "--include-unreliable")
    assert counted.exit_code == 3
    # They count then, and are still marked.
    rows = counted.stdout.splitlines()[2:4]
    assert [row.split()[0] for row in rows if row.split()[-2:] == ["slower", "unreliable"]] == ["hot"]
    assert "unreliable: too hot" in counted.stdout


def counted(invoke: int) -> tuple[Instructions, ...]:
    return (Instructions("Cortex-A72", "ai-edge-litert", "2.3.0", "xnnpack", invoke, {"mac": invoke}, 0.0, 7),)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        pytest.param({}, {}, None, id="nothing"),
        pytest.param({"runtime_version": "2.2.0"}, {}, "m: the runtime went from 2.2.0 to 2.3.0", id="runtime"),
        pytest.param({"sha256": "11" * 32}, {}, "m: the files of the model differ", id="model"),
        pytest.param({"instructions": counted(7_367_442)}, {"instructions": counted(7_367_426)}, None, id="repeated"),
        pytest.param(
            {"instructions": counted(7_370_000)},
            {"instructions": counted(9_220_000)},
            "m: instructions on Cortex-A72 went from 7.37 to 9.22 million (+25.1%)",
            id="instructions",
        ),
        pytest.param({}, {"instructions": counted(7_370_000)}, None, id="counted once"),
    ],
)
def test_what_may_be_the_cause_is_noted(old: dict[str, object], new: dict[str, object], note: str | None) -> None:
    found = compare([record("m", **old)], [record("m", **new)])  # type: ignore[arg-type]
    assert [line for line in found.text().splitlines() if line.startswith("m: ")] == ([note] if note else [])


def test_several_runs_show_what_differs_between_runs() -> None:
    alike = [record("m", spread=0.005) for _ in range(4)]
    scattered = [record("m", factor, spread=0.005) for factor in (1.0, 1.1, 1.2, 1.3)]
    (alone,) = compare(alike, scattered[1:2]).changes
    (together,) = compare(alike, scattered).changes
    assert alone.verdict == "slower"
    assert together.verdict == "unclear"


def test_models_are_told_apart_by_runtime_and_threads() -> None:
    old = [record("m"), record("m", 2, threads=2), record("gone")]
    new = [record("m", 2, threads=2), record("m"), record("added")]
    found = compare(old, new)
    names = [change.name for change in found.changes]
    assert names == ["m (ai-edge-litert, 1 thread)", "m (ai-edge-litert, 2 threads)"]
    assert not found.slower
    assert (len(found.gone), len(found.added)) == (1, 1)


def test_json(tmp_path: Path) -> None:
    result = run(tmp_path, [record("m")], [record("m", 1.5)], "--json")
    assert result.exit_code == 3
    (change,) = json.loads(result.stdout)["changes"]
    assert (change["name"], change["verdict"]) == ("m", "slower")
    assert change["low"] < change["ratio"] < change["high"]


@pytest.mark.parametrize(
    ("old", "new", "relative", "message"),
    [
        pytest.param([], [record("m")], False, "nothing to compare", id="nothing old"),
        pytest.param([record("a")], [record("b")], False, "nothing to compare", id="other models"),
        pytest.param(
            [record("m")],
            [record("m", device=replace(sample().device, cores=2))],
            False,
            "different devices",
            id="another device",
        ),
        pytest.param([record("m", reasons=("hot",))], [record("m")], False, r"unreliable \(hot\)", id="all unreliable"),
        pytest.param([sample()], [sample()], True, "lacks its first model", id="no first model"),
    ],
)
def test_what_cannot_be_compared(
    old: list[BenchmarkRecord], new: list[BenchmarkRecord], relative: bool, message: str
) -> None:
    with pytest.raises(EdgeemoError, match=message):
        compare(old, new, relative=relative)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["compare"], 2, "Missing argument 'OLD'"),
        (["compare", "none.jsonl", "none.jsonl"], 1, "none.jsonl is not there"),
        (["compare", "a", "b", "--tolerance", "-1"], 2, "--tolerance"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], status: int, message: str) -> None:
    result = benchmark(*arguments)
    assert result.exit_code == status
    assert message in result.stderr
