"""``edgeemo predict`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeemo.cli import edgeemo
from edgeemo.edge.model.card import read_card
from edgeemo.edge.model.zoo import DEFAULT, names_model
from edgeemo.edge.tflite.container import split_model


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(edgeemo, ["predict", *map(str, arguments)])


@pytest.fixture
def photo(clip: list, tmp_path: Path) -> Path:
    """A frame of the clip with a settled emotion: one face."""
    path = tmp_path / "photo.png"
    Image.fromarray(clip[9][0]).save(path)
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "blank.png"
    Image.new("RGB", (64, 64), (9, 9, 9)).save(path)
    return path


def test_table_has_a_row_for_each_face(tiny_int8: Path, photo: Path, blank: Path, clip: list) -> None:
    result = predict(tiny_int8, photo, blank)
    header, _, first, second = result.output.splitlines()
    assert result.exit_code == 0
    assert header.split() == ["image", "face", "box", "emotion", "probability", "next", "most", "likely"]
    assert first.split()[0] == str(photo)
    assert first[header.index("emotion") :].split()[0] == clip[9][1].emotion
    assert second[header.index("emotion") :].startswith("no face detected")


def test_json_is_one_document(tiny_int8: Path, photo: Path, blank: Path, clip: list) -> None:
    result = predict(tiny_int8, photo, blank, "--json")
    document = json.loads(result.output)
    assert result.exit_code == 0
    assert document["schema"] == 1
    seen, nobody = document["images"]
    assert seen["faces"][0]["label"] == clip[9][1].emotion
    assert sum(seen["faces"][0]["probabilities"].values()) == pytest.approx(1, abs=0.05)
    assert nobody["faces"] == []


@pytest.mark.parametrize("given", [[], ["--model"], ["first"]], ids=["default", "option", "first"])
def test_a_model_that_ships_needs_no_path(given: list[str], photo: Path) -> None:
    names = {"--model": ["--model", "fer-cnn3-int8"], "first": ["fer-cnn3-int8"]}
    result = predict(*(names[given[0]] if given else []), photo, "--json")
    assert result.exit_code == 0
    assert json.loads(result.output)["model"] == ("fer-cnn3-int8" if given else DEFAULT)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["edge-res-int8"], "edge-res-int8 is a model: name the images"),
        (["edge-res-int8", "photo.png", "--model", "fer-cnn3-int8"], "two models were given"),
        (["edge-rse-int8", "photo.png"], "unknown model 'edge-rse-int8'"),
        (["absent.tflite", "photo.png"], "absent.tflite"),
    ],
    ids=["no image", "two models", "misspelt", "absent"],
)
def test_models_that_cannot_be_meant_are_one_sentence(arguments: list[str], sentence: str) -> None:
    result = predict(*arguments)
    assert result.exit_code in (1, 2)
    assert sentence in result.output


def test_what_names_a_model_is_told_from_an_image(tiny_int8: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(tiny_int8.read_bytes())
    (tmp_path / "face").write_bytes(photo.read_bytes())
    models = [tiny_int8, "absent.tflite", "edge-res-int8", "word", tmp_path / "model.bin"]
    images = [photo, "absent.png", "folder/word", tmp_path, tmp_path / "face"]
    assert [names_model(str(path)) for path in models + images] == [True] * 5 + [False] * 5


def test_both_models_agree(tiny_int8: Path, tiny_float: Path, photo: Path) -> None:
    faces = [json.loads(predict(m, photo, "--json").output)["images"][0]["faces"][0] for m in (tiny_int8, tiny_float)]
    assert faces[0]["box"] == faces[1]["box"]
    assert faces[0]["label"] == faces[1]["label"]
    assert faces[0]["confidence"] == pytest.approx(faces[1]["confidence"], abs=0.1)


@pytest.mark.parametrize(("options", "faces"), [((), 1), (("--search", "fast"), 0), (("--search", "thorough"), 1)])
def test_a_small_face_is_found_by_a_thorough_search(
    options: tuple[str, ...], faces: int, tiny_int8: Path, tmp_path: Path
) -> None:
    astronaut = pytest.importorskip("skimage.data").astronaut()
    frame = Image.new("RGB", (1920, 1080), (128, 128, 128))
    frame.paste(Image.fromarray(astronaut).resize((300, 300)), (1200, 500))
    frame.save(tmp_path / "far.png")
    result = predict(tiny_int8, tmp_path / "far.png", "--detector", "edgeemo", *options, "--json")
    assert len(json.loads(result.output)["images"][0]["faces"]) == faces


def test_no_detector_takes_the_whole_image(tiny_int8: Path, blank: Path) -> None:
    document = json.loads(predict(tiny_int8, blank, "--detector", "none", "--json").output)
    assert [face["box"] for face in document["images"][0]["faces"]] == [[0, 0, 64, 64]]


def test_bad_images_are_named_while_the_others_go_on(tiny_int8: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    bad = [tmp_path / "text.png", tmp_path / "empty.jpg", tmp_path / "absent.png", tmp_path]
    result = predict(tiny_int8, *bad, photo, "--json")
    assert result.exit_code == 1
    assert [line.split(",")[0] for line in result.stderr.splitlines()] == [
        f"Error: {bad[0]} is not an image",
        f"Error: {bad[1]} is empty",
        f"Error: {bad[2]} is not there",
        f"Error: {bad[3]} is a folder",
    ]
    images = json.loads(result.stdout)["images"]
    assert ["error" in image for image in images] == [True, True, True, True, False]


def test_only_bad_images_print_no_table(tiny_int8: Path) -> None:
    result = predict(tiny_int8, "absent.png")
    assert (result.exit_code, result.stdout) == (1, "")


def test_card_file_serves_a_model_without_one(tiny_int8: Path, photo: Path, tmp_path: Path) -> None:
    bare, card = tmp_path / "bare.tflite", tmp_path / "card.json"
    bare.write_bytes(split_model(tiny_int8.read_bytes())[0])
    embedded: Any = read_card(tiny_int8)
    card.write_text(embedded.to_json())
    assert "has no model card" in predict(bare, photo).output
    with_card, own = predict(bare, photo, "--card", card, "--json"), predict(tiny_int8, photo, "--json")
    faces = [json.loads(result.output)["images"][0]["faces"] for result in (with_card, own)]
    assert faces[0] == faces[1]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["absent.tflite", "x.png"], 1, "absent.tflite is not there, expected a .tflite model"),
        (["TEXT", "x.png"], 1, "is not a TFLite model"),
        (["MODEL", "x.png", "--card", "absent.json"], 1, "absent.json is not there, expected a model card"),
        (["MODEL", "x.png", "--card", "TEXT"], 1, "is not JSON"),
        (["MODEL", "x.png", "--card", "FOLDER"], 1, "cannot be read (Is a directory), expected a model card"),
        (["MODEL"], 2, "is a model: name the images"),
        ([], 2, "Missing argument '[MODEL] IMAGE...'"),
        (["MODEL", "x.png", "--threads", "0"], 2, "Invalid value for '--threads'"),
        (["MODEL", "x.png", "--runtime", "onnx"], 2, "Invalid value for '--runtime'"),
    ],
)
def test_bad_use_is_one_sentence(
    tiny_int8: Path, tmp_path: Path, arguments: list[str], exit_code: int, sentence: str
) -> None:
    (tmp_path / "text.tflite").write_text("hello, this is text")
    names = {"MODEL": tiny_int8, "TEXT": tmp_path / "text.tflite", "FOLDER": tmp_path}
    result = predict(*(names.get(argument, argument) for argument in arguments))
    assert result.exit_code == exit_code
    assert sentence in result.stderr


def test_model_that_gives_nan_is_refused(tiny_float: Path, photo: Path, tmp_path: Path) -> None:
    # The weights of the last layer (144 x 7 floats) are found by the number of bytes that stands before them.
    before, weights = tiny_float.read_bytes().split((144 * 7 * 4).to_bytes(4, "little"))
    broken = np.full(144 * 7, np.nan, "<f4").tobytes()
    path = tmp_path / "nan.tflite"
    path.write_bytes(before + (144 * 7 * 4).to_bytes(4, "little") + broken + weights[len(broken) :])
    result = predict(path, photo)
    assert result.exit_code == 1
    assert "gives values that are not numbers" in result.stderr


def test_help_shows_an_example() -> None:
    assert "Example: edgeemo predict photo.jpg" in predict("--help").output


def test_reader_that_leaves_is_no_error(start: Any, tiny_int8: Path, photo: Path) -> None:
    process = start("-m", "edgeemo", "predict", tiny_int8, photo)
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""
