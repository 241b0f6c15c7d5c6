"""A binary task from training to the device: one sigmoid, two labels, and the same figures everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.model.card import read_card
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.evaluation.metrics import evaluate
from edgeemo.train.evaluation.predictor import open_predictor, predict_dataset
from edgeemo.train.fit.run import Run

from ..tools.command import run as edgeemo

SETS = ["input.height=24", "input.width=24", "architecture.filters=[8,8,16]", "architecture.dense=16"]
SETS += ["optimizer.name=adamw", "optimizer.learning_rate=3e-3", "optimizer.weight_decay=4e-3"]
SETS += [
    "schedule.epochs=12",
    "schedule.batch=16",
    "architecture.dropout=0.2",
    "loss.class_weights=balanced",
    "loss.label_smoothing=0.05",
    "qat.epochs=1",
]
SETS += ["qat.learning_rate=1e-4", "data.validation=0.1765"]
METHODS = ("float32", "int8", "qat")


def invoke(*words: object) -> Result:
    return edgeemo(*words)


@pytest.fixture(scope="module")
def run(two_faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("binary") / "run"
    sets = [word for override in SETS for word in ("--set", override)]
    result = invoke("train", "happy-sad", "--data", two_faces_zip, "--out", folder, *sets)
    assert result.exit_code == 0, result.output
    return Run.open(folder)


@pytest.fixture(scope="module")
def models(run: Run) -> dict[str, Path]:
    for method in METHODS:
        result = invoke("quantize", run.folder, "--method", method, "--calibration-size", 100)
        assert result.exit_code == 0, result.output
    return {method: run.folder / f"happy-sad-{method}.tflite" for method in METHODS}


def test_the_card_is_binary(run: Run) -> None:
    assert (run.card.task, run.card.labels, run.card.outputs) == ("binary", ("happy", "surprise"), 1)


def test_the_figure_on_the_card_is_that_of_the_last_history(run: Run) -> None:
    figure = run.card.metrics["float32 validation"]
    assert figure["accuracy"] == pytest.approx(run.history[figure["epoch"] - 1]["val_accuracy"], abs=1e-6)


def test_it_has_learned(run: Run, two_faces_zip: Path) -> None:
    targets, probabilities = predict_dataset(open_predictor(run.folder), read_dataset(two_faces_zip).split("test"))
    assert probabilities.shape == (len(targets), 2)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert evaluate(targets, probabilities, run.card.labels).accuracy.value > 0.7


def test_evaluate_gives_both_classes(run: Run, models: dict[str, Path], two_faces_zip: Path) -> None:
    accuracies = []
    for model in (run.folder, *models.values()):
        figures = json.loads(invoke("evaluate", model, "--data", two_faces_zip, "--json").stdout)
        assert np.array(figures["confusion"]).shape == (2, 2)
        assert set(figures["report"]) == {"happy", "surprise", "macro avg", "weighted avg"}
        accuracies.append(figures["accuracy"])
    assert accuracies[0] == accuracies[1]
    assert accuracies == pytest.approx([accuracies[0]] * 4, abs=0.1)


@pytest.mark.parametrize("method", ["int8", "qat"])
def test_int8_is_whole_and_its_output_is_a_probability(models: dict[str, Path], method: str) -> None:
    graph, session = read_graph(models[method].read_bytes()), load(models[method])
    assert not graph.floating
    assert graph.operators[-1].name == "LOGISTIC"
    assert (session.output.shape, session.output.scale, session.output.zero_point) == ((1, 1), 1 / 256, -128)


@pytest.mark.parametrize("method", METHODS)
def test_the_device_agrees_with_keras(run: Run, models: dict[str, Path], two_faces_zip: Path, method: str) -> None:
    card = read_card(models[method])
    assert card is not None
    assert card.task == "binary"
    test = read_dataset(two_faces_zip).split("test")
    found = Classifier.open(models[method]).predict(test.pixels(card.input))
    expected = predict_dataset(open_predictor(run.folder), test)[1]
    assert np.abs(found - expected).mean() < {"float32": 1e-5, "int8": 0.02, "qat": 0.1}[method]


def test_validate_pairs_two_binary_models(run: Run, models: dict[str, Path], two_faces_zip: Path) -> None:
    result = invoke("validate", run.folder, models["int8"], "--data", two_faces_zip, "--max-drop", 15, "--json")
    assert result.exit_code == 0, result.output
    drift = json.loads(result.stdout)["drift"]
    assert set(drift["recall_change"]) == {"happy", "surprise"}
    assert 0 <= drift["mean_kl"] < 0.05
    assert drift["agreement"] > 0.9


def test_predict_names_one_of_both(models: dict[str, Path], two_faces_zip: Path, tmp_path: Path) -> None:
    test = read_dataset(two_faces_zip).split("test")
    Image.fromarray(test.images[0]).save(tmp_path / "face.png")
    result = invoke("predict", models["int8"], tmp_path / "face.png", "--detector", "none", "--json")
    assert result.exit_code == 0, result.output
    (face,) = json.loads(result.stdout)["images"][0]["faces"]
    expected = Classifier.open(models["int8"]).probabilities(test.images[0])
    assert face["label"] == ("happy", "surprise")[int(expected.argmax())]
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=0.01)


def test_evaluate_ranks_the_positive_class(models: dict[str, Path], two_faces_zip: Path, tmp_path: Path) -> None:
    result = invoke("evaluate", models["int8"], "--data", two_faces_zip, "--out", tmp_path / "new", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["roc_auc"]["positive"] == figures["average_precision"]["positive"] == "surprise"
    assert figures["roc_auc"]["value"] > 0.8
    assert figures["average_precision"]["value"] > 0.8
    assert (tmp_path / "new/precision_recall.png").is_file()
