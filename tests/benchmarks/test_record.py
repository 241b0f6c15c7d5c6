from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgeemo.benchmarks.record import SCHEMA, BenchmarkRecord, read_records, write_records
from edgeemo.edge.common.errors import EdgeemoError

from ..conftest import raises
from .samples import PROFILE, sample


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(sample(), id="full"),
        pytest.param(
            sample(accuracy=None, ratio=None, stages=None, input_spec=None, macs=None, p99_ms=None), id="sparse"
        ),
        pytest.param(sample(reasons=("hot", "busy")), id="unreliable"),
    ],
)
def test_a_record_survives_its_json(record: BenchmarkRecord) -> None:
    text = record.to_json()
    assert "\n" not in text
    assert BenchmarkRecord.from_dict(json.loads(text)) == record


def test_json_says_what_people_look_for() -> None:
    value = sample(reasons=("hot",)).to_dict()
    assert value["schema"] == SCHEMA
    assert value["unreliable"] is True
    assert value["accuracy"]["value"] == pytest.approx(0.6)
    low, high = value["accuracy"]["ci95"]
    assert low < 0.6 < high


def test_records_of_schema_1_are_read_without_what_they_lack() -> None:
    later = ("rounds_at_s", "histogram", "trend", "trace")
    value = {key: item for key, item in sample().to_dict().items() if key not in later}
    lacking = sample(rounds_at_s=(), histogram=None, trend=None, trace=None)
    assert BenchmarkRecord.from_dict({**value, "schema": 1}) == lacking


def test_fields_that_schema_5_renamed_are_read() -> None:
    value = sample(reasons=("hot",)).to_dict()
    value = {{"trend": "drift", "unreliable": "tainted"}.get(key, key): item for key, item in value.items()}
    assert BenchmarkRecord.from_dict({**value, "schema": 4}) == sample(reasons=("hot",))


def test_append_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    one, two = sample(name="one"), sample(name="two")
    write_records(path, [one])
    write_records(path, [two], append=True)
    assert read_records(path) == [one, two]
    write_records(path, [two])
    assert read_records(path) == [two]
    assert [entry.name for entry in tmp_path.iterdir()] == ["records.jsonl"]


def test_append_to_something_else_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "diary.txt"
    path.write_text("dear diary\n")
    with raises(EdgeemoError, problem="line 1 is not JSON"):
        write_records(path, [sample()], append=True)
    assert path.read_text() == "dear diary\n"


def changed(**values: object) -> str:
    return json.dumps({**sample().to_dict(), **values})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(sample().to_json()[:-20], "line 2 is not JSON", id="cut"),
        pytest.param("[1, 2]", "line 2 is not a benchmark record", id="list"),
        pytest.param(PROFILE.to_json(), "line 2 is a profile, .* give it with --profiles", id="profile"),
        pytest.param("{}", "line 2 is not a benchmark record", id="no schema"),
        pytest.param(changed(schema=99), "line 2 has another format, expected schema 5, got 99", id="schema"),
        pytest.param(changed(color="red"), "color", id="unknown field"),
        pytest.param(changed(ratio={"to": "x", "sideways": 1}), "unknown in ratio: sideways", id="unknown inside"),
        pytest.param('{"schema": 1}', "not a valid benchmark record", id="missing fields"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(sample().to_json() + "\n" + line + "\n")
    with pytest.raises(EdgeemoError, match=message):
        read_records(path)


def test_no_such_file(tmp_path: Path) -> None:
    with raises(EdgeemoError, problem="is not there"):
        read_records(tmp_path / "none.jsonl")


def test_a_record_with_reasons_is_unreliable() -> None:
    assert not sample().unreliable
    assert replace(sample(), reasons=("hot",)).unreliable
