"""``edgeemo evaluate``: one code path for a Keras run and for a .tflite in any runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.edge.inference.interpreter import installed_runtimes
from edgeemo.train.datasets.registry import read_dataset

# tf.lite's interpreter is announced to go; it is measured as long as people have it.
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")

#: What --out has for seven classes.
FILES = {"metrics.json", "report.html", "confusion.png", "confusion_normalized.png", "roc.png", "reliability.png"}
FILES |= {"mistakes.png"}


def evaluate(model: Path, data: Path | str, *options: str) -> Result:
    return CliRunner().invoke(edgeemo, ["evaluate", str(model), "--data", str(data), *options])


@pytest.fixture(scope="module")
def of_run(trained_run: Path, measured_zip: Path) -> dict:
    """The figures of the Keras run on the test split."""
    result = evaluate(trained_run, measured_zip, "--json")
    assert result.exit_code == 0, result.output
    figures: dict = json.loads(result.stdout)
    return figures


def test_the_run_is_far_above_chance(of_run: dict) -> None:
    assert of_run["n"] == 700
    assert of_run["ci95"][0] > 2 / 7


def test_the_confusion_matrix_agrees_with_the_accuracy(of_run: dict) -> None:
    confusion = np.array(of_run["confusion"])
    assert (confusion.sum(), np.trace(confusion)) == (700, of_run["correct"])
    assert confusion.sum(axis=1).tolist() == [100] * 7


@pytest.mark.parametrize("runtime", installed_runtimes())
def test_a_float_model_has_the_run_s_figures_in_every_runtime(
    converted: dict[str, Path], measured_zip: Path, of_run: dict, runtime: str
) -> None:
    figures = json.loads(evaluate(converted["float32"], measured_zip, "--runtime", runtime, "--json").stdout)
    counted = ("data", "split", "content_hash", "accuracy", "correct", "n", "ci95", "report", "confusion")
    assert [key for key in counted if figures[key] != of_run[key]] == []
    # These hang on the last bits of the probabilities.
    assert figures["roc_auc"]["per_class"] == pytest.approx(of_run["roc_auc"]["per_class"], abs=1e-4)
    assert figures["calibration"]["ece"] == pytest.approx(of_run["calibration"]["ece"], abs=1e-4)
    sure = [[mistake["probability"] for mistake in which["mistakes"]] for which in (figures, of_run)]
    assert sure[0] == pytest.approx(sure[1], abs=1e-4)


@pytest.mark.parametrize("runtime", installed_runtimes())
def test_an_int8_model_stays_near_the_run_in_every_runtime(
    converted: dict[str, Path], measured_zip: Path, of_run: dict, runtime: str
) -> None:
    figures = json.loads(evaluate(converted["int8"], measured_zip, "--runtime", runtime, "--json").stdout)
    assert (figures["n"], figures["content_hash"]) == (700, of_run["content_hash"])
    assert figures["accuracy"] == pytest.approx(of_run["accuracy"], abs=0.02)


def test_the_table_is_for_people(trained_run: Path, measured_zip: Path, of_run: dict) -> None:
    lines = evaluate(trained_run, measured_zip).stdout.splitlines()
    assert lines[0] == f"{trained_run} on faces.zip, split test"
    assert [line.split()[0] for line in lines[4:11]] == list(of_run["report"])[:7]
    assert lines[-1].startswith(f"accuracy {of_run['accuracy']:.2%} [")
    assert lines[-1].endswith("], n = 700 (95 % CI)")


def test_results_go_into_a_new_folder(converted: dict[str, Path], measured_zip: Path, tmp_path: Path) -> None:
    result = evaluate(converted["int8"], measured_zip, "--out", str(tmp_path / "new"), "--json", "--limit", "70")
    assert json.loads((tmp_path / "new/metrics.json").read_text()) == json.loads(result.stdout)
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES


def test_a_run_s_report_has_its_curves(trained_run: Path, measured_zip: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in trained_run.iterdir() if path.is_file()}
    assert evaluate(trained_run, measured_zip, "--out", str(tmp_path / "new"), "--limit", "70").exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES | {"curves.png"}
    assert "Loss and accuracy over 10 epochs." in (tmp_path / "new/report.html").read_text()
    assert {path: path.read_bytes() for path in trained_run.iterdir() if path.is_file()} == before


def test_a_folder_with_contents_is_refused_and_stays(
    converted: dict[str, Path], measured_zip: Path, tmp_path: Path
) -> None:
    (tmp_path / "metrics.json").write_text("mine")
    result = evaluate(converted["int8"], measured_zip, "--out", str(tmp_path), "--limit", "7")
    assert result.exit_code == 1
    assert "exists and is not empty" in result.output
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"metrics.json": "mine"}


@pytest.mark.parametrize(
    ("options", "n"), [(("--split", "train", "--limit", "70"), 70), (("--limit", "14"), 14), (("--limit", "9999"), 700)]
)
def test_split_and_limit_choose_the_images(
    converted: dict[str, Path], faces_zip: Path, options: tuple[str, ...], n: int
) -> None:
    assert json.loads(evaluate(converted["float32"], faces_zip, *options, "--json").stdout)["n"] == n


def test_images_of_another_size_are_fitted(converted: dict[str, Path]) -> None:
    figures = json.loads(evaluate(converted["int8"], "synthetic:train=0,test=70,size=48", "--json").stdout)
    assert figures["n"] == 70


def test_fewer_classes_than_the_model_has_are_fine(
    converted: dict[str, Path], tmp_path: Path, measured_zip: Path
) -> None:
    chosen = read_dataset(measured_zip).split("test").where(lambda sample: sample.label in (3, 6))
    chosen = chosen.take(range(0, len(chosen), 10))
    write(list(chosen.images), [chosen.labels[sample.label] for sample in chosen.samples], tmp_path)
    figures = json.loads(evaluate(converted["int8"], tmp_path, "--split", "all", "--json").stdout)
    assert (figures["n"], len(figures["confusion"])) == (20, 7)
    present = [chosen.labels[3], chosen.labels[6]]
    assert figures["roc_auc"]["macro_over"] == present
    assert set(figures["absent"]) == set(figures["roc_auc"]["undefined"]) == set(chosen.labels) - set(present)


def write(images: list[np.ndarray], labels: list[str], folder: Path) -> None:
    from PIL import Image

    for index, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / label / f"{index}.png")


def test_a_class_that_the_model_does_not_know_is_named(converted: dict[str, Path], tmp_path: Path) -> None:
    write([np.zeros((4, 4), np.uint8)] * 2, ["happy", "bored"], tmp_path)
    result = evaluate(converted["int8"], tmp_path, "--split", "all")
    assert result.exit_code == 1
    assert "has classes that the model does not know: bored" in result.output


def test_broken_images_that_were_left_out_are_counted(converted: dict[str, Path], tmp_path: Path) -> None:
    write([np.zeros((4, 4), np.uint8)] * 2, ["happy", "sad"], tmp_path)
    (tmp_path / "sad" / "empty.png").write_bytes(b"")
    result = evaluate(converted["int8"], tmp_path, "--split", "all", "--skip-bad")
    assert result.exit_code == 0
    assert "left out 1 broken images" in result.stderr


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ("nowhere.tflite", (), "nowhere.tflite is not there"),
        ("empty", (), "empty is not a run folder"),
        ("bare.keras", (), "bare.keras is a bare Keras model without a card, expected a run folder or a .tflite"),
        ("cut.tflite", (), "cut.tflite cannot be loaded"),
        ("text.tflite", (), "text.tflite is not a TFLite model"),
        ("bald.tflite", (), "bald.tflite has no model card"),
        ("whole.tflite", ("--split", "dev"), "faces.zip has no images in split 'dev', expected test or train"),
        ("whole.tflite", ("--threads", "0"), "threads out of range"),
    ],
)
def test_what_does_not_fit_is_named(
    converted: dict[str, Path], faces_zip: Path, tmp_path: Path, model: str, options: tuple[str, ...], sentence: str
) -> None:
    from edgeemo.edge.tflite.container import split_model

    whole = converted["int8"].read_bytes()
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare.keras").write_bytes(b"")
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "text.tflite").write_text("not a model")
    (tmp_path / "bald.tflite").write_bytes(split_model(whole)[0])
    (tmp_path / "whole.tflite").write_bytes(whole)
    result = evaluate(tmp_path / model, faces_zip, *options)
    assert result.exit_code == (2 if "--threads" in options else 1)
    assert result.output.count("\n") == 1
    assert sentence in result.output


def test_an_unknown_runtime_is_a_wrong_option(tiny_int8: Path, faces_zip: Path) -> None:
    result = evaluate(tiny_int8, faces_zip, "--runtime", "onnx")
    assert result.exit_code == 2
    assert "'onnx' is not one of 'auto', 'ai-edge-litert'" in result.output
