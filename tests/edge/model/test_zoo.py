"""The models that ship: their manifest, their names, and ``edgeemo models`` as a user calls it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.model.card import read_card
from edgeemo.edge.model.zoo import DEFAULT, FOLDER, MANIFEST, ModelZoo, find_model, make_manifest
from edgeemo.edge.tflite.container import split_model

from ...conftest import raises

SHIPPED = ModelZoo.open()


def call(*words: object) -> Result:
    return CliRunner().invoke(edgeemo, list(map(str, words)))


@pytest.fixture
def folder(tmp_path: Path, tiny_int8: Path, tiny_float: Path) -> Path:
    """Two small models with their manifest."""
    (tmp_path / "published").mkdir()
    for path in (tiny_int8, tiny_float):
        shutil.copy(path, tmp_path / "published")
    assert call("maintain", "manifest", "--folder", tmp_path, "--write").exit_code == 0
    return tmp_path


def test_the_manifest_that_ships_is_up_to_date() -> None:
    assert make_manifest() == (FOLDER / MANIFEST).read_text(encoding="utf-8"), "run: edgeemo maintain manifest --write"


def test_what_ships_is_as_listed() -> None:
    result = call("models", "verify")
    assert result.exit_code == 0, result.output
    assert result.output.count("as listed") == len(SHIPPED.entries)


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.name)
def test_every_shipped_model_loads_by_name_and_says_what_it_may_be_used_for(entry: object) -> None:
    name = getattr(entry, "name")  # noqa: B009
    path = find_model(name)
    assert load(path).input.shape[0] == 1
    result = call("models", "show", name)
    assert "EU AI Act" in " ".join(result.output.split())
    assert str(path) in result.output


def test_the_list_has_a_row_for_each_model() -> None:
    result = call("models", "list")
    assert [line.split()[0] for line in result.output.splitlines()[2:]] == SHIPPED.names
    assert "[" in result.output.splitlines()[2]
    assert json.loads(call("models", "list", "--json").stdout)["models"][0]["name"] == SHIPPED.names[0]


def test_show_as_json_has_the_whole_card(tiny_int8: Path) -> None:
    shown = json.loads(call("models", "show", tiny_int8, "--json").stdout)
    assert shown["card"]["name"] == "tiny_int8"
    assert (shown["bytes"], len(shown["sha256"])) == (tiny_int8.stat().st_size, 64)


def test_a_manifest_is_the_same_from_the_same_files(folder: Path) -> None:
    listed = json.loads(make_manifest(folder))["models"]
    assert make_manifest(folder) == (folder / MANIFEST).read_text(encoding="utf-8")
    assert [(model["name"], model["file"]) for model in listed] == [
        ("tiny_float", "published/tiny_float.tflite"),
        ("tiny_int8", "published/tiny_int8.tflite"),
    ]
    assert listed[0]["macs"] == listed[1]["macs"] > 0


def cut(folder: Path) -> None:
    path = folder / "published" / "tiny_int8.tflite"
    path.write_bytes(path.read_bytes()[:-1])


def changed(folder: Path) -> None:
    path = folder / "published" / "tiny_int8.tflite"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def facts(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"license": "MIT"', '"license": "GPL"'))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: None, ""),
        (cut, " are listed"),
        (changed, "has SHA-256"),
        (facts, "is the file that is listed, with other facts"),
        (lambda folder: (folder / "published" / "tiny_float.tflite").unlink(), "cannot be read (No such file"),
        (
            lambda folder: shutil.copy(folder / "published/tiny_int8.tflite", folder / "new.tflite"),
            "is not in the manifest",
        ),
    ],
    ids=["none", "cut", "changed", "facts", "missing", "stray"],
)
def test_verify_finds_what_differs(folder: Path, damage: Callable[[Path], object], problem: str) -> None:
    damage(folder)
    result = call("models", "verify", "--folder", folder)
    assert result.exit_code == (1 if problem else 0)
    assert problem in result.stdout
    findings = json.loads(call("models", "verify", "--folder", folder, "--json").stdout)
    assert any(finding["problem"] for finding in findings) is bool(problem)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("models", "list", "--folder", "EMPTY"), "manifest.json is not there, expected a list of models"),
        (("models", "list", "--folder", "BROKEN"), "is not a list of models"),
        (("models", "list", "--folder", "NEWER"), "has another format, expected schema 1, got 9"),
        (("maintain", "manifest", "--folder", "BARE"), "bare.tflite has no model card"),
        (("maintain", "manifest", "--folder", "TWICE"), "have the same name"),
        (("maintain", "manifest", "--folder", "absent"), "absent is not there, expected a folder of models"),
        (
            ("models", "verify", "no-such"),
            "unknown model 'no-such', expected a path, or one of densenet169-fer-qat, edge-res-float32",
        ),
        (
            ("models", "show", "no-such"),
            "unknown model 'no-such', expected a path, or one of densenet169-fer-qat, edge-res-float32",
        ),
        (("models", "show", "no-such.tflite"), "no-such.tflite is not there"),
        (("models", "show", "BARE/bare.tflite"), "has no model card"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_one_sentence(
    words: tuple[str, ...], sentence: str, tmp_path: Path, tiny_int8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("EMPTY", "BROKEN", "NEWER", "BARE", "TWICE", "TWICE/a"):
        (tmp_path / name).mkdir()
    (tmp_path / "BROKEN" / MANIFEST).write_text('{"schema": 1, "models": [{"name": "x"}]}')
    (tmp_path / "NEWER" / MANIFEST).write_text('{"schema": 9, "models": []}')
    (tmp_path / "BARE" / "bare.tflite").write_bytes(split_model(tiny_int8.read_bytes())[0])
    for place in ("TWICE", "TWICE/a"):
        shutil.copy(tiny_int8, tmp_path / place)
    result = call(*words)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_in_the_working_folder_hides_the_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = SHIPPED.names[0]
    monkeypatch.chdir(tmp_path)
    assert find_model(name).parent == FOLDER / "published"
    (tmp_path / name).touch()
    assert find_model(name) == Path(name)


@pytest.mark.parametrize("path", ["a/b", "absent.tflite", "/nowhere/edge-res-int8"])
def test_a_path_is_left_to_whoever_opens_it(path: str) -> None:
    assert find_model(path) == Path(path)


@pytest.mark.parametrize("size", ["nano", "base", "large"])
def test_our_own_models_have_short_names(size: str) -> None:
    assert find_model(size) == find_model(f"edgeemo-{size}") == FOLDER / f"edgeemo-{size}.tflite"


def test_the_default_is_one_of_them() -> None:
    assert find_model(DEFAULT).parent == FOLDER


#: Our own: bytes at most, and what their cards have to tell.
LIMITS = {"nano": 100_000, "base": 1_000_000, "large": 4_000_000}


@pytest.mark.parametrize("size", LIMITS)
def test_our_own_models_are_small_and_tell_what_was_measured(size: str) -> None:
    path = find_model(size)
    assert path.stat().st_size <= LIMITS[size]
    card = read_card(path)
    assert card is not None
    figures = card.metrics
    assert set(figures["test"]["recall"]) == set(card.labels)
    for name in ("float32 test", "test", "FER+ majority test", "drift", "corruptions"):
        assert figures[name]["n"] >= 3000
        assert figures[name]["ci95"][0] < figures[name]["ci95"][1]
        assert figures[name]["command"].startswith("edgeemo ")
    assert abs(figures["drift"]["difference"]) <= 0.3
    assert figures["drift"]["agreement"] >= 0.98
    # None is stored where the likeliest one calibrates no better than 1 does.
    assert figures.get("temperature validation", {"value": 1.0})["value"] == card.temperature
    assert figures["test"]["calibration_error"] < 0.1
    assert "no clear licence" in card.license  # as it stands in cards of schema 1
    assert "leak-free" in card.notes


def test_an_unknown_name_lists_the_known_ones() -> None:
    known = "edgeemo-base, edgeemo-face, edgeemo-face-check, edgeemo-large, edgeemo-nano, fer-cnn3-int8"
    with raises(EdgeemoError, problem="^unknown model 'edge-res-int4'$", expected=known):
        find_model("edge-res-int4")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("predict", "edge-res-int8", "absent.png"), 1, "absent.png is not there"),
        (("predict", "edge-res-int4", "absent.png"), 1, "unknown model 'edge-res-int4'"),
        (("predict", "a" * 300, "absent.png"), 1, "unknown model 'aaaa"),
        (("inspect", "a" * 300), 1, "'aaaa"),
        (("run", "edge-res-int4", "--source", "absent.avi"), 1, "absent.avi is not there"),
        (("benchmark", "edge-res-int4"), 1, "unknown model 'edge-res-int4'"),
        (("deploy", "--model", "edge-res-int4", "--bundle", "absent.tar.gz"), 1, "unknown model 'edge-res-int4'"),
        (("doctor", "--tune", "edge-res-int4"), 1, "unknown model 'edge-res-int4'"),
        pytest.param(
            ("benchmark", "edge-res-int8", "--queries", "11"),
            0,
            "edge-res-int8",
            marks=pytest.mark.native("measures in a process of its own"),
        ),
    ],
)
def test_commands_take_names(words: tuple[str, ...], code: int, said: str) -> None:
    result = call(*words)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_name_gives_what_its_file_gives(tmp_path: Path, clip: list) -> None:
    from PIL import Image

    Image.fromarray(clip[9][0]).save(tmp_path / "photo.png")
    name = SHIPPED.names[0]
    answers = [
        json.loads(call("predict", m, tmp_path / "photo.png", "--json").stdout) for m in (name, find_model(name))
    ]
    assert answers[0]["images"][0]["faces"] == answers[1]["images"][0]["faces"] != []
