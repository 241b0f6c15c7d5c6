"""``edgeemo inspect RECIPE`` as a user calls it; models are looked at in tests/edge/inspection/test_report.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from edgeemo.train.config.recipe import load_recipe

from ...tools.command import run as edgeemo

#: A small net under the recipe of a large one.
SMALL = ("--set", "architecture.filters=[4,4,4]", "--set", "architecture.dense=8")


def inspect(*words: str) -> Result:
    return edgeemo("inspect", *words)


def test_the_table_has_every_layer_the_totals_and_the_published_figure() -> None:
    result = inspect("fer-cnn3")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["layer", "type", "output", "parameters", "MACs"] in lines
    assert ["conv1", "Conv2D", "48", "x", "48", "x", "32", "288", "663,552"] in lines
    assert ["21", "layers", "2,586,279", "24,389,376"] in lines
    assert result.output.endswith(f"published  {load_recipe('fer-cnn3').published}\n")


def test_json_has_the_same() -> None:
    result = inspect("fer-cnn38", "--json")
    figures = json.loads(result.stdout)
    assert (figures["parameters"], figures["macs"]) == (1_686_567, 129_278_848)
    assert sum(layer["parameters"] for layer in figures["layers"]) == figures["parameters"]
    assert sum(layer["macs"] for layer in figures["layers"]) == figures["macs"]
    assert len(figures["layers"]) == 38
    assert (figures["recipe"], figures["task"], figures["input"]) == ("fer-cnn38", "multiclass", [48, 48, 1])
    assert "64.02 %" in figures["published"]


@pytest.mark.slow
def test_pretrained_weights_are_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    assert json.loads(inspect("densenet169-fer", "--json").stdout)["parameters"] == 13_070_919


@pytest.mark.parametrize(("words", "last"), [((), [7]), (("--num-classes", "3"), [3])])
def test_the_number_of_classes_can_be_chosen(words: tuple[str, ...], last: list[int]) -> None:
    assert json.loads(inspect("demo", "--json", *words).stdout)["layers"][-1]["output"] == last


def test_a_binary_recipe_has_one_output() -> None:
    figures = json.loads(inspect("happy-sad", "--json", *SMALL).stdout)
    assert (figures["task"], figures["layers"][-1]["output"]) == ("binary", [1])


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("fer-cnn4",), 1, "unknown recipe or model 'fer-cnn4', expected a recipe (demo, "),
        (("absent.toml",), 1, "unknown recipe 'absent.toml'"),
        (("demo", "--compile", "edgetpu"), 2, "--compile and --runtime are for a .tflite model"),
        (("demo", "--num-classes", "1"), 2, "1 is not in the range x>=2"),
        (("happy-sad", "--num-classes", "7"), 1, "happy-sad tells two classes apart"),
        (("demo", "--set", "architecture.name=vgg"), 2, "unknown architecture"),
        (("demo", "--plot", "sensitivity.png"), 2, "No such option"),
        ((), 2, "Missing argument 'RECIPE|MODEL|RUN'"),
    ],
)
def test_what_does_not_fit_is_named(words: tuple[str, ...], code: int, sentence: str) -> None:
    result = inspect(*words)
    assert result.exit_code == code
    assert sentence in result.output


def test_a_run_shows_the_network_of_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(load_recipe("demo", ["input.height=24", "input.width=24"]).to_toml())
    assert json.loads(inspect(str(tmp_path), "--json").stdout)["input"] == [24, 24, 1]


def test_a_keras_model_is_told_where_to_go(tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"PK")
    assert "is a Keras model, expected a .tflite, a run folder or a recipe" in inspect(f"{tmp_path}/net.keras").output


def test_a_folder_does_not_hide_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert json.loads(inspect("demo", "--json").stdout)["recipe"] == "demo"
