"""``edgeemo validate``: passes what kept its accuracy, and stops what was damaged on purpose."""

from __future__ import annotations

import dataclasses
import json
import shutil
from math import prod
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edgeemo.edge.inference.interpreter import installed_runtimes
from edgeemo.edge.model.card import read_card, with_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.train.network.model import load_model

from ...tools.command import run as edgeemo

# tf.lite's interpreter is announced to go; it is measured as long as people have it.
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")


def validate(reference: Path, candidate: Path, data: Path | str, *options: str) -> Result:
    return edgeemo("validate", str(reference), str(candidate), "--data", str(data), *options)


def with_shuffled_weights(path: Path, out: Path) -> Path:
    """A copy of an int8 model, the weights of its largest convolution in random order: it loads and runs."""
    from ai_edge_litert import schema_py_generated as schema

    flatbuffer, _ = split_model(path.read_bytes())
    model = schema.Model.GetRootAs(flatbuffer, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    constants = [t for t in tensors if t.Type() == schema.TensorType.INT8 and model.Buffers(t.Buffer()).DataLength()]
    largest = max(constants, key=lambda tensor: prod(tensor.ShapeAsNumpy()))
    weights = model.Buffers(largest.Buffer()).DataAsNumpy()
    shuffled = np.random.default_rng(0).permutation(weights)
    assert flatbuffer.count(weights.tobytes()) == 1
    card = read_card(path)
    assert card is not None
    out.write_bytes(with_card(flatbuffer.replace(weights.tobytes(), shuffled.tobytes()), card))
    return out


def with_noisy_weights(run: Path, out: Path) -> Path:
    """A copy of a run, noise on every weight of its Keras model."""
    folder = Path(shutil.copytree(run, out))
    model, rng = load_model(folder / "model.keras", compile=False), np.random.default_rng(0)
    model.set_weights([values + rng.normal(0, 0.5 * values.std(), values.shape) for values in model.get_weights()])
    model.save(folder / "model.keras")
    return folder


@pytest.mark.parametrize(("method", "allowed"), [("float32", "1.0"), ("int8", "3.0")])
def test_a_faithful_model_passes(
    trained_run: Path, converted: dict[str, Path], measured_zip: Path, method: str, allowed: str
) -> None:
    result = validate(trained_run, converted[method], measured_zip, "--max-drop", allowed)
    assert result.exit_code == 0, result.output
    assert "gate passed: the loss is at most" in result.stdout


@pytest.mark.parametrize("runtime", installed_runtimes())
def test_two_tflite_files_can_be_compared_in_every_runtime(
    converted: dict[str, Path], measured_zip: Path, runtime: str
) -> None:
    options = ("--max-drop", "3", "--runtime", runtime)
    assert validate(converted["float32"], converted["int8"], measured_zip, *options).exit_code == 0


@pytest.mark.parametrize("kind", ["shuffled int8 weights", "noisy Keras weights"])
def test_a_damaged_model_fails_with_3(
    trained_run: Path, converted: dict[str, Path], measured_zip: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "shuffled int8 weights":
        damaged = with_shuffled_weights(converted["int8"], tmp_path / "damaged.tflite")
    else:
        damaged = with_noisy_weights(trained_run, tmp_path / "run")
    result = validate(trained_run, damaged, measured_zip, "--max-drop", "3.0", "--out", str(tmp_path / "report.json"))
    assert result.exit_code == 3, result.output
    assert "gate failed: the loss is at most" in result.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is False
    assert report["drift"]["difference"] < -5
    assert report["drift"]["mcnemar_p"] < 0.01


def test_json_stands_alone_and_the_file_is_the_same(
    trained_run: Path, converted: dict[str, Path], measured_zip: Path, tmp_path: Path
) -> None:
    options = ("--max-drop", "3", "--json", "--out", str(tmp_path / "report.json"))
    result = validate(trained_run, converted["int8"], measured_zip, *options)
    report = json.loads(result.stdout)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert (report["passed"], report["max_drop"], report["drift"]["n"]) == (True, 3.0, 700)
    assert report["drift"]["worst_loss"] <= 3.0


def test_json_of_a_failed_gate_is_json_too(converted: dict[str, Path], measured_zip: Path) -> None:
    result = validate(converted["int8"], converted["int8"], measured_zip, "--limit", "14", "--json")
    assert (result.exit_code, json.loads(result.stdout)["passed"]) == (3, False)


def test_few_images_do_not_prove_even_the_same_model(converted: dict[str, Path], measured_zip: Path) -> None:
    result = validate(converted["int8"], converted["int8"], measured_zip, "--limit", "14")
    assert result.exit_code == 3
    assert "agreement 100.00%; 0 images lost, 0 won" in result.stdout
    assert "measure more" in result.stderr


@pytest.mark.parametrize(
    ("limit", "code", "sentence"),
    [
        ("10", 0, "no class lost more than 10 points of its recall"),
        ("1.9", 3, "may have lost more than 1.9 points of their recall: angry up to 1.9 (n = 100, which cannot prove"),
    ],
)
def test_classes_are_held_to_a_limit_of_their_own(
    tiny_int8: Path, measured_zip: Path, limit: str, code: int, sentence: str
) -> None:
    result = validate(tiny_int8, tiny_int8, measured_zip, "--max-class-drop", limit)
    assert result.exit_code == code
    assert sentence in result.output
    figures = json.loads(validate(tiny_int8, tiny_int8, measured_zip, "--max-class-drop", limit, "--json").stdout)
    assert (figures["max_class_drop"], figures["passed"]) == (float(limit), code == 0)
    assert len(figures["failed_classes"]) == (7 if code else 0)


def test_the_accuracies_are_those_of_evaluate(
    trained_run: Path, converted: dict[str, Path], measured_zip: Path
) -> None:
    report = json.loads(validate(trained_run, converted["int8"], measured_zip, "--max-drop", "9", "--json").stdout)
    for key, model in (("reference", trained_run), ("candidate", converted["int8"])):
        words = ["evaluate", str(model), "--data", str(measured_zip), "--json"]
        figures = json.loads(edgeemo(*words).stdout)
        assert report["drift"][key]["correct"] == figures["correct"]


def test_models_with_other_labels_are_not_compared(
    converted: dict[str, Path], measured_zip: Path, tmp_path: Path
) -> None:
    card = read_card(converted["int8"])
    assert card is not None
    turned = with_card(converted["int8"].read_bytes(), dataclasses.replace(card, labels=card.labels[::-1]))
    (tmp_path / "turned.tflite").write_bytes(turned)
    result = validate(converted["int8"], tmp_path / "turned.tflite", measured_zip)
    assert result.exit_code == 1
    assert "cannot be compared, expected labels angry, disgust" in result.output
    assert "got neutral, surprise" in result.output


def test_an_existing_report_is_refused_and_stays(
    converted: dict[str, Path], measured_zip: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_text("mine")
    result = validate(converted["int8"], converted["int8"], measured_zip, "--out", str(tmp_path / "report.json"))
    assert (result.exit_code, (tmp_path / "report.json").read_text()) == (1, "mine")


def test_broken_images_that_were_left_out_are_counted(converted: dict[str, Path], tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "happy").mkdir()
    Image.new("L", (24, 24), 9).save(tmp_path / "happy" / "a.png")
    (tmp_path / "happy" / "b.png").write_bytes(b"")
    options = ("--split", "all", "--skip-bad", "--max-drop", "100")
    result = validate(converted["int8"], converted["int8"], tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert "left out 1 broken images" in result.stderr


@pytest.mark.parametrize(
    ("candidate", "options", "code", "sentence"),
    [
        ("same", ("--max-drop", "-1"), 2, "--max-drop must not be negative"),
        ("same", ("--max-class-drop", "-1"), 2, "--max-class-drop must not be negative"),
        ("same", ("--max-drop", "much"), 2, "'much' is not a valid float"),
        ("same", ("--limit", "0"), 2, "0 is not in the range x>=1"),
        ("same", ("--split", "dev"), 1, "no images in split 'dev'"),
        ("nowhere.tflite", (), 1, "nowhere.tflite is not there"),
    ],
)
def test_what_does_not_fit_is_named(
    converted: dict[str, Path],
    measured_zip: Path,
    tmp_path: Path,
    candidate: str,
    options: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    second = converted["int8"] if candidate == "same" else tmp_path / candidate
    result = validate(converted["int8"], second, measured_zip, *options)
    assert result.exit_code == code
    assert sentence in result.output
