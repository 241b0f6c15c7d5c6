"""Temperature scaling: finds the number that was hidden, keeps every answer, and travels with the model."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from scipy import special

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.probabilities import apply_temperature
from edgeemo.edge.model.card import ModelCard, read_card, with_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.temperature_scaling import chance_error, fit_temperature, validation_split
from edgeemo.train.fit.run import Run

from ..conftest import raises
from ..tools.command import run as edgeemo

FLOOR = 1e-7
HALF_STEP = 1 / 512  # of an int8 softmax


def drawn(n: int, temperature: float, *, labels: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from softmax(logits / temperature), and the probabilities softmax(logits) of a model."""
    rng = np.random.default_rng(seed)
    logits = 2.5 * rng.standard_normal((n, labels))
    true = special.softmax(logits / temperature, axis=1)
    targets = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return np.minimum(targets, labels - 1), special.softmax(logits, axis=1).astype(np.float32)


def as_int8(probabilities: np.ndarray) -> np.ndarray:
    """As an int8 softmax with its scale of 1/256 gives them: many are 0, and none is 1."""
    return (np.clip(np.rint(probabilities * 256), 0, 255) / 256).astype(np.float32)


@pytest.mark.parametrize("hidden", [0.5, 1.0, 1.8, 3.0])
@pytest.mark.parametrize("labels", [2, 7])
def test_the_hidden_temperature_is_found(hidden: float, labels: int) -> None:
    assert fit_temperature(*drawn(20_000, hidden, labels=labels), floor=FLOOR).value == pytest.approx(hidden, rel=0.05)


@pytest.mark.parametrize("hidden", [1.3, 1.8])
def test_int8_finds_nearly_the_same(hidden: float) -> None:
    targets, probabilities = drawn(20_000, hidden)
    found = fit_temperature(targets, as_int8(probabilities), floor=HALF_STEP)
    assert found.value == pytest.approx(hidden, rel=0.15)
    assert found.after.calibration_error < 0.5 * found.before.calibration_error


def test_it_is_the_softmax_of_divided_logits() -> None:
    logits = np.random.default_rng(1).standard_normal((50, 7))
    found = apply_temperature(special.softmax(logits, axis=1), 1.7, floor=FLOOR)
    assert found == pytest.approx(special.softmax(logits / 1.7, axis=1), abs=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("temperature", [0.05, 0.4, 1.0, 1.6, 20.0])
@pytest.mark.parametrize("labels", [2, 7])
def test_no_answer_changes(temperature: float, labels: int) -> None:
    rng = np.random.default_rng(2)
    for probabilities in (
        as_int8(rng.dirichlet(np.full(labels, 0.4), 4000)),
        rng.dirichlet(np.full(labels, 0.4), 4000).astype(np.float32),
        np.array([[1.0] + [0.0] * (labels - 1), [0.0] * (labels - 1) + [1.0], [0.5, 0.5] + [0.0] * (labels - 2)]),
    ):
        found = apply_temperature(probabilities, temperature, floor=HALF_STEP)
        assert (found.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert np.isfinite(found).all()


def test_an_output_of_0_counts_as_half_a_step() -> None:
    found = apply_temperature(np.array([0.5, 0.5, 0.0]), 2.0, floor=HALF_STEP)
    expected = np.sqrt([0.5, 0.5, HALF_STEP])
    assert found == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_a_calibrated_model_shows_its_chance_error() -> None:
    targets, probabilities = drawn(3000, 1.0)
    found = fit_temperature(targets, probabilities, floor=FLOOR)
    assert found.before.calibration_error == pytest.approx(found.chance, abs=0.012)
    assert 0.008 < found.chance < 0.03
    assert chance_error(probabilities[:300]) > 2 * found.chance


@pytest.mark.parametrize(
    ("targets", "probabilities", "fields"),
    [
        (np.zeros(0, int), np.zeros((0, 3)), {"expected": "^images$", "got": "^none"}),
        (np.zeros(9, int), np.tile([0.5, 0.3, 0.2], (9, 1)), {"expected": "^one between 0.05 and 20"}),
        (np.arange(9) % 3, np.tile([0.98, 0.01, 0.01], (9, 1)), {"expected": "^one between 0.05 and 20"}),
    ],
    ids=["none", "all right", "no better than chance"],
)
def test_what_cannot_be_fitted_is_refused(
    targets: np.ndarray, probabilities: np.ndarray, fields: dict[str, str]
) -> None:
    with raises(EdgeemoError, **fields):
        fit_temperature(targets, probabilities, floor=FLOOR)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "2", None, True])
def test_a_card_refuses_what_is_no_temperature(value: object) -> None:
    with raises(EdgeemoError, problem="wrong temperature in a model card$", expected="^a number above 0"):
        ModelCard("m", ("a", "b"), InputSpec(4, 4), temperature=value)


def test_a_card_from_before_has_temperature_1() -> None:
    card = ModelCard.from_json('{"labels": ["a", "b"], "input": {"height": 48, "width": 48, "normalization": "unit"}}')
    assert card.temperature == 1.0


def test_the_classifier_gives_corrected_probabilities(tiny_int8: Path, tmp_path: Path) -> None:
    card = read_card(tiny_int8)
    warm = tmp_path / "warm.tflite"
    warm.write_bytes(with_card(tiny_int8.read_bytes(), replace(card, temperature=2.5)))
    faces = np.random.default_rng(0).integers(0, 256, (20, 48, 48, 1)).astype(np.uint8)
    plain, found = Classifier.open(tiny_int8).predict(faces), Classifier.open(warm).predict(faces)
    assert (found == apply_temperature(plain, 2.5, floor=HALF_STEP)).all()
    assert (found.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert (found.max(axis=1) < plain.max(axis=1)).all()
    assert (Classifier.open(warm).probabilities(faces[3]) == found[3]).all()


def calibrate(*words: object) -> Result:
    return edgeemo("scale-confidence", *words)


@pytest.fixture(scope="module")
def validation_zip(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test faces as a validation split."""
    path = tmp_path_factory.mktemp("validation") / "validation.zip"
    with zipfile.ZipFile(faces_zip) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            if name.startswith("test/"):
                archive.writestr(name.replace("test/", "validation/"), source.read(name))
    return path


def test_the_calibrated_model_is_surer_of_less(tiny_int8: Path, validation_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.tflite"
    result = calibrate(tiny_int8, "--data", validation_zip, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    figures, card = json.loads(result.stdout), read_card(out)
    assert card.temperature == figures["value"]
    assert figures["after"]["calibration_error"] < figures["before"]["calibration_error"]
    assert figures["after"]["nll"] < figures["before"]["nll"]
    assert card.metrics["temperature validation"]["n"] == figures["n"] == 700
    assert split_model(out.read_bytes())[0] == split_model(tiny_int8.read_bytes())[0]
    words = ["evaluate", str(out), "--data", str(validation_zip), "--split", "validation", "--json"]
    measured = json.loads(edgeemo(*words).stdout)
    assert measured["calibration"]["ece"] == pytest.approx(figures["after"]["calibration_error"], abs=1e-6)


def test_calibrating_again_replaces_the_temperature(tiny_int8: Path, validation_zip: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(tiny_int8, tmp_path / "model.tflite"))
    assert calibrate(model, "--data", validation_zip, "--force").exit_code == 0
    first = read_card(model).temperature
    assert calibrate(model, "--data", validation_zip, "--force").exit_code == 0
    assert read_card(model).temperature == first != 1.0


def test_figures_of_confidence_that_are_no_longer_true_leave_the_card(
    tiny_int8: Path, validation_zip: Path, tmp_path: Path
) -> None:
    figures = {"test": {"correct": 1, "n": 2, "calibration_error": 0.1}, "drift": {"agreement": 1.0, "mean_kl": 0.1}}
    card = replace(read_card(tiny_int8), metrics=figures)
    model = tmp_path / "model.tflite"
    model.write_bytes(with_card(tiny_int8.read_bytes(), card))
    assert calibrate(model, "--data", validation_zip, "--force").exit_code == 0
    found = read_card(model).metrics
    assert (found["test"], found["drift"]) == ({"correct": 1, "n": 2}, {"agreement": 1.0})


def test_the_validation_split_of_the_run_is_used(trained_run: Path) -> None:
    run = Run.open(trained_run)
    assert validation_split(run, run.card).content_hash == run.card.provenance.split_hashes["validation"]


def test_a_model_of_another_run_is_refused(tiny_int8: Path, trained_run: Path, tmp_path: Path) -> None:
    result = calibrate(tiny_int8, "--run", trained_run, "--out", tmp_path / "new.tflite")
    assert result.exit_code == 1
    assert "is not what the model was validated on" in result.output
    assert not (tmp_path / "new.tflite").exists()


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ((), 2, "give --run RUN, or --data PATH"),
        (("--data", "DATA"), 1, "choose another name, or overwrite it with --force"),
        (("--data", "DATA", "--split", "test", "--out", "new.tflite"), 1, "fitted on validation images"),
        (("--data", "DATA", "--out", "new.tflite"), 1, "no images in split 'validation'"),
        (("--run", "nowhere", "--out", "new.tflite"), 1, "nowhere is not there"),
    ],
)
def test_what_does_not_fit_is_named(
    tiny_int8: Path, measured_zip: Path, tmp_path: Path, options: tuple[str, ...], code: int, sentence: str
) -> None:
    before = tiny_int8.read_bytes()
    places = {"DATA": measured_zip, "new.tflite": tmp_path / "new.tflite"}
    result = calibrate(tiny_int8, *(places.get(word, word) for word in options))
    assert result.exit_code == code
    assert sentence in result.output
    assert tiny_int8.read_bytes() == before
    assert not (tmp_path / "new.tflite").exists()
