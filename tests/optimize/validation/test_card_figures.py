"""``edgeemo validate --record``: the card carries what was measured, and nothing else of the model changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.model.card import read_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.train.evaluation.card_figures import CardRecord

from ...conftest import raises
from ...tools.command import run as edgeemo


def validate(reference: Path, candidate: Path, data: Path, *options: str) -> Result:
    words = ["validate", str(reference), str(candidate), "--data", str(data), "--max-drop", "100", *options]
    return edgeemo(*words)


@pytest.fixture
def model(tiny_int8: Path, tmp_path: Path) -> Path:
    """A copy of the int8 model, to be written to."""
    return Path(shutil.copy(tiny_int8, tmp_path / "model.tflite"))


def test_the_figures_stand_in_the_card(tiny_float: Path, model: Path, measured_zip: Path) -> None:
    before = model.read_bytes()
    result = validate(tiny_float, model, measured_zip, "--record", "--json")
    assert result.exit_code == 0, result.output
    report, metrics = json.loads(result.stdout), read_card(model).metrics
    assert set(metrics) == {"float32 test", "test", "drift"}
    for name, key in (("float32 test", "reference"), ("test", "candidate")):
        assert {word: metrics[name][word] for word in report["drift"][key]} == report["drift"][key]
        assert (metrics[name]["n"], metrics[name]["data"], metrics[name]["split"]) == (700, "faces.zip", "test")
        assert metrics[name]["content_hash"] == report["content_hash"]
        assert metrics[name]["command"] == metrics["drift"]["command"]
    recalls = {label: item["candidate"]["accuracy"] for label, item in report["drift"]["classes"].items()}
    assert {label: item["accuracy"] for label, item in metrics["test"]["recall"].items()} == pytest.approx(
        recalls, abs=1e-4
    )
    assert metrics["test"]["runtime"].startswith(("ai-edge-litert ", "tflite-runtime "))
    drift = metrics["drift"]
    assert drift["ci95"][0] <= drift["difference"] <= drift["ci95"][1]
    assert (drift["agreement"], drift["passed"]) == (report["drift"]["agreement"], True)
    assert split_model(model.read_bytes())[0] == split_model(before)[0]


def test_corruptions_stand_in_the_card_too(tiny_float: Path, model: Path, measured_zip: Path, tmp_path: Path) -> None:
    validate(tiny_float, model, measured_zip, "--limit", "14", "--record")
    words = ("--limit", "14", "--corruptions", str(tmp_path / "hard"), "--record", "--json")
    assert "figures already (test, drift);" in validate(tiny_float, model, measured_zip, *words).stderr
    report = json.loads(validate(tiny_float, model, measured_zip, *words, "--force").stdout)["corruptions"]
    found = read_card(model).metrics["corruptions"]
    assert (found["n"], found["difference"], found["reference"]) == (14, report["mean_difference"], "tiny_float")
    dark = [item for item in report["conditions"] if item["kind"] == "dark"]
    means = [sum(item[who]["correct"] for item in dark) / (14 * 5) for who in ("reference", "candidate")]
    assert found["accuracy_by_kind"]["dark"] == pytest.approx(means, abs=1e-4)
    assert found["command"].endswith(" --max-drop 100.0 --corruptions corruptions")


def test_a_run_keeps_the_report(
    trained_run: Path, converted: dict[str, Path], measured_zip: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    model = shutil.copy(converted["int8"], tmp_path / "mine.tflite")
    result = validate(run, model, measured_zip, "--record", "--json")
    assert json.loads((run / "drift" / "mine.json").read_text()) == json.loads(result.stdout)
    assert {"int8 validation", "float32 test", "test", "drift"} <= set(read_card(model).metrics)


def test_the_recorded_command_measures_the_same_again(
    tiny_float: Path, model: Path, measured_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate(tiny_float, model, measured_zip, "--limit", "70", "--record")
    recorded = read_card(model).metrics["drift"]
    words = recorded["command"].split()
    assert (
        words == "edgeemo validate tiny_float.tflite model.tflite --data faces.zip --limit 70 --max-drop 100.0".split()
    )
    for path in (measured_zip, tiny_float):
        shutil.copy(path, model.parent / path.name)
    monkeypatch.chdir(model.parent)
    again = json.loads(edgeemo(*words[1:], "--json").stdout)
    assert again["drift"]["difference"] == recorded["difference"]
    assert again["content_hash"] == recorded["content_hash"]


def test_a_failed_gate_is_recorded_as_failed(tiny_float: Path, model: Path, measured_zip: Path) -> None:
    assert validate(tiny_float, model, measured_zip, "--max-drop", "0", "--record").exit_code == 3
    assert read_card(model).metrics["drift"]["passed"] is False


def test_a_reference_that_is_no_float_model_is_named_by_its_method(
    tiny_int8: Path, model: Path, measured_zip: Path
) -> None:
    assert validate(tiny_int8, model, measured_zip, "--record").exit_code == 0
    assert set(read_card(model).metrics) == {"int8 test", "test", "drift"}


def test_recorded_figures_are_replaced_with_force_alone(tiny_float: Path, model: Path, measured_zip: Path) -> None:
    assert validate(tiny_float, model, measured_zip, "--limit", "70", "--record").exit_code == 0
    before = model.read_bytes()
    refused = validate(tiny_float, model, measured_zip, "--record")
    assert (refused.exit_code, model.read_bytes() == before) == (1, True)
    assert "has recorded figures already (test, drift); measure without --record, or" in refused.stderr
    assert validate(tiny_float, model, measured_zip, "--record", "--force").exit_code == 0
    assert read_card(model).metrics["test"]["n"] == 700


def test_a_report_that_a_run_has_is_refused(model: Path, measured_zip: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run" / "drift" / "model.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    result = validate(tmp_path / "run", model, measured_zip, "--record")
    assert (result.exit_code, kept.read_text()) == (1, "mine")
    assert "model.json exists already" in result.stderr


@pytest.mark.parametrize(
    ("candidate", "split", "sentence"),
    [
        ("model.tflite", "train", "only figures of test images are recorded"),
        ("model.tflite", "all", "has no images in split 'all'"),
        ("", "test", "expected a .tflite with its card"),
        ("nowhere.tflite", "test", "nowhere.tflite is not there"),
    ],
)
def test_figures_of_anything_else_are_not_recorded(
    tiny_float: Path, model: Path, faces_zip: Path, candidate: str, split: str, sentence: str
) -> None:
    before = model.read_bytes()
    result = validate(tiny_float, model.parent / candidate, faces_zip, "--split", split, "--record")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert model.read_bytes() == before


def test_a_model_that_changes_while_it_is_measured_gets_no_figures(model: Path, tiny_float: Path) -> None:
    record = CardRecord(model, ("test",))
    shutil.copy(tiny_float, model)
    with raises(EdgeemoError, problem="has changed while it was measured"):
        record.write({"test": {"n": 1}})
    assert model.read_bytes() == tiny_float.read_bytes()


def test_figures_go_to_where_a_link_leads(model: Path) -> None:
    link = model.with_name("link.tflite")
    link.symlink_to(model)
    CardRecord(link, ("test",)).write({"test": {"n": 1}})
    assert link.is_symlink()
    assert read_card(model).metrics["test"] == {"n": 1}
