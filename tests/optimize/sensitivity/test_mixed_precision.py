"""Sensitivity and mixed precision on a net that plain int8 ruins: its channels are badly scaled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import read_card
from edgeemo.edge.model.describe import Description
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import normalize
from edgeemo.optimize.converters.gptq import GptqRounding
from edgeemo.optimize.data_splits import model_splits
from edgeemo.optimize.float_model import FloatModel, open_float_model
from edgeemo.optimize.graph.verify import verify_kept
from edgeemo.optimize.methods import engine
from edgeemo.optimize.options import CALIBRATION_METHODS, MixedPrecisionOptions
from edgeemo.optimize.sensitivity.calibration_study import study
from edgeemo.optimize.sensitivity.mixed_precision import find_mixed_precision
from edgeemo.optimize.sensitivity.ranking import LayerScore, Sensitivity, layer_name
from edgeemo.optimize.sensitivity.scoring import INT8_FLOOR
from edgeemo.optimize.validation import mean_kl
from edgeemo.train.datasets.splits import TrainingData, calibration_set
from edgeemo.train.fit.run import Run
from edgeemo.train.network.model import load_model

from ...conftest import raises
from ...tools.command import run as edgeemo

#: On 250 faces the upper bound of no loss at all is 0.8 points.
MAX_DROP = "3"


def badly_scaled(model: Any) -> Any:
    """Scale the channels behind the first ReLU by 1 to 1,000, and take it back in the convolution that reads them.

    A ReLU lets positive factors through, so the function stays; the range of the activation is that of its largest
    channel, and in int8 the small ones vanish (the inverse of cross-layer equalization, Nagel et al. 2019,
    arXiv:1906.04721).
    """
    normal, reader = model.get_layer("stem1_bn"), model.get_layer("stem2_conv")
    gamma, beta, mean, variance = normal.get_weights()
    factors = np.geomspace(1, 1000, len(gamma)).astype(np.float32)
    normal.set_weights([gamma * factors, beta * factors, mean, variance])
    kernel, *bias = reader.get_weights()
    reader.set_weights([kernel / factors[None, None, :, None], *bias])
    return model


@pytest.fixture(scope="module")
def bad(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "bad.keras"
    badly_scaled(load_model(trained_run / "model.keras", compile=False)).save(path)
    return path


@pytest.fixture(scope="module")
def words(trained_run: Path, faces_zip: Path) -> tuple[str, ...]:
    """What describes the model, and the faces."""
    return "--card", str(trained_run / "card.json"), "--data", str(faces_zip), "--calibration-size", "60"


@pytest.fixture(scope="module")
def source(bad: Path, trained_run: Path) -> FloatModel:
    return open_float_model(bad, Description(card=str(trained_run / "card.json")))


@pytest.fixture(scope="module")
def splits(source: FloatModel, faces_zip: Path) -> TrainingData:
    found = model_splits(source, str(faces_zip))
    assert found is not None
    return found


def invoke(*arguments: object) -> Result:
    return edgeemo(*arguments)


def test_the_float_function_is_unchanged(source: FloatModel, trained_run: Path, splits: TrainingData) -> None:
    inputs = normalize(splits.validation.pixels(source.card.input), source.card.input)
    original = load_model(Run.open(trained_run).model_path, compile=False).predict_on_batch(inputs)
    assert np.abs(source.model.predict_on_batch(inputs) - original).max() < 1e-4


def test_plain_int8_fails_the_gate(bad: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    result = invoke("quantize", bad, *words, "--out", tmp_path / "x.tflite", "--max-drop", MAX_DROP)
    assert result.exit_code == 3
    assert "gate failed: the loss is at most" in result.output
    assert "keep the worst operators out of int8 with --mixed-precision, or train quantization-aware" in result.output


@pytest.fixture(scope="module")
def mixed(bad: Path, words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The mixed-precision model, and what was printed."""
    out = tmp_path_factory.mktemp("mixed") / "x.tflite"
    result = invoke("quantize", bad, *words, "--out", out, "--max-drop", MAX_DROP, "--mixed-precision", "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_mixed_precision_passes_the_gate(
    mixed: tuple[Path, dict[str, Any]], splits: TrainingData, source: FloatModel
) -> None:
    path, printed = mixed
    assert printed["mixed_precision"]["passed"]
    assert printed["drift"]["worst_loss"] <= float(MAX_DROP)
    pixels = splits.validation.pixels(source.card.input)
    found = Classifier.open(path).predict(pixels)
    assert (found.argmax(axis=1) == source.predictor().predict(pixels).argmax(axis=1)).mean() > 0.9


def test_mixed_precision_keeps_the_writer_and_the_reader_of_what_was_scaled(mixed: tuple[Path, dict[str, Any]]) -> None:
    path, printed = mixed
    card = read_card(path)
    assert card is not None
    assert card.quantization.kept == printed["mixed_precision"]["kept"]
    assert card.quantization.engine == engine("ai-edge-quantizer")
    assert {layer_name(name) for name in card.quantization.kept} >= {"stem1_conv", "stem2_conv"}
    verify_kept(path.read_bytes(), card.quantization.kept)
    kinds = [operator.name for operator in read_graph(path.read_bytes()).operators if not operator.floating]
    assert kinds.count("CONV_2D") >= 2


def test_mixed_precision_tells_what_it_costs(mixed: tuple[Path, dict[str, Any]]) -> None:
    path, printed = mixed
    figures = printed["mixed_precision"]
    assert figures["bytes"] > figures["int8_bytes"]
    assert figures["bytes"] < path.stat().st_size < figures["bytes"] + 5000
    assert 0.1 < figures["latency_to_int8"] < 10
    assert figures["steps"][0]["worst_loss"] > float(MAX_DROP)


def test_mixed_precision_tries_what_costs_nothing_first(mixed: tuple[Path, dict[str, Any]]) -> None:
    _, printed = mixed
    tried = [step["what"] for step in printed["mixed_precision"]["steps"]]
    estimators = [f"int8 throughout, ranges by {estimator}" for estimator in CALIBRATION_METHODS]
    assert tried[:3] == estimators
    assert tried[3] in {f"{one}, weights gptq" for one in estimators}
    assert tried[4].startswith("keep ")
    costless = printed["mixed_precision"]["steps"][:4]
    taken = min(costless, key=lambda step: step["kl"])
    assert [step["taken"] for step in costless] == [step is taken for step in costless]
    assert printed["mixed_precision"]["rounding"] == ("gptq" if taken is costless[3] else "nearest")
    assert printed["card"]["quantization"]["rounding"] == ("gptq" if taken is costless[3] else "")


@pytest.mark.slow
def test_a_mixed_precision_model_keeps_the_rounding_that_was_asked_for(
    bad: Path, words: tuple[str, ...], source: FloatModel, tmp_path: Path
) -> None:
    out = tmp_path / "x.tflite"
    how = ("--max-drop", MAX_DROP, "--mixed-precision", "--rounding", "gptq", "--json")
    result = invoke("quantize", bad, *words, "--out", out, *how)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["mixed_precision"]["rounding"] == "gptq"
    assert printed["mixed_precision"]["kept"]
    assert all(step["what"].endswith("weights gptq") for step in printed["mixed_precision"]["steps"][:3])
    card = read_card(out)
    assert card is not None
    assert card.quantization.rounding == "gptq"
    model = split_model(out.read_bytes())[0]
    nothing = np.zeros((0, *source.card.input.shape), np.uint8)
    quantized = [o for o in read_graph(model).operators if o.name == "CONV_2D" and o.inputs[1].type == "INT8"]
    assert quantized
    # Only weights that have been rounded to the nearest step are found again.
    assert len(GptqRounding(source.float_flatbuffer(), source.card.input, nothing).layers(model)) < len(quantized)


@pytest.mark.slow
def test_mixed_precision_leaves_a_good_model_alone(trained_run: Path, tmp_path: Path) -> None:
    result = invoke("quantize", trained_run, "--out", tmp_path / "x.tflite", "--max-drop", "6", "--mixed-precision")
    assert result.exit_code == 0, result.output
    assert "kept out of int8" not in result.output
    assert "gate passed: the loss is at most" in result.output


@pytest.mark.slow
def test_int16_activations_do_not_help_weights(source: FloatModel, splits: TrainingData) -> None:
    # A full convolution takes the factors back within the weights of one output channel, which stay int8.
    calibration = calibration_set(splits.train, size=60).pixels(source.card.input)
    result = find_mixed_precision(
        source, calibration, splits.validation, MixedPrecisionOptions(float(MAX_DROP), "int16")
    )
    assert set(result.kept.values()) == {"int16"}
    assert not read_graph(result.model).floating
    assert result.steps[-1].loss < result.steps[0].loss
    assert not result.passed


def test_a_gate_that_nothing_could_pass_is_refused(source: FloatModel, splits: TrainingData) -> None:
    with raises(EdgeemoError, problem="cannot be passed on 40 faces, not even by the float model itself"):
        find_mixed_precision(source, np.empty(0), splits.validation.take(range(40)), MixedPrecisionOptions(1.0))


def test_sensitivity_finds_what_was_scaled(bad: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    plot, out = tmp_path / "sensitivity.png", tmp_path / "sensitivity.json"
    result = invoke("sensitivity", bad, *words, "--limit", 100, "--plot", plot, "--out", out)
    assert result.exit_code == 0, result.output
    assert plot.read_bytes()[:4] == b"\x89PNG"
    figures = json.loads(out.read_text())
    shares = figures["operators"]
    assert {row["layer"] for row in shares[:2]} == {"stem1_conv", "stem2_conv"}
    assert [row["kl"] for row in shares] == sorted((row["kl"] for row in shares), reverse=True)
    assert shares[0]["kl"] > 10 * shares[5]["kl"]
    assert figures["int8_accuracy"] < figures["float_accuracy"]
    assert "stem2_conv" in result.output.splitlines()[4] + result.output.splitlines()[5]


@pytest.mark.slow
def test_sensitivity_with_gptq_rounding(bad: Path, words: tuple[str, ...]) -> None:
    def ranking(*more: str) -> dict[str, Any]:
        result = invoke("sensitivity", bad, *words, "--limit", 100, "--json", *more)
        assert result.exit_code == 0, result.output
        figures: dict[str, Any] = json.loads(result.stdout)
        return figures

    nearest, together = ranking(), ranking("--rounding", "gptq")
    assert nearest["float_accuracy"] == together["float_accuracy"]
    first, second = (
        {row["tensor"]: row["kl"] for row in figures["operators"] if row["operator"] in ("CONV_2D", "FULLY_CONNECTED")}
        for figures in (nearest, together)
    )
    assert set(first) == set(second)
    assert any(first[name] != second[name] for name in first)


def test_sensitivity_says_what_it_needs(bad: Path, words: tuple[str, ...]) -> None:
    result = invoke("sensitivity", bad, *words[:2])
    assert result.exit_code == 1
    assert "the ranking needs faces to calibrate on and to measure with" in result.output


def test_a_share_without_noise_is_null_in_json() -> None:
    share = LayerScore("RELU", "relu", "net/relu", float("inf"), 0.0, 0.5, 0.5, 0.1)
    result = Sensitivity(10, 0.5, 0.4, 0.2, (share,))
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["operators"][0]["snr"] is None
    assert result.gain(share) == pytest.approx(0.5)
    assert result.table().splitlines()[-1].split()[2] == "-"


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("net/conv1_relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D1", "conv1"),
        ("net/dense/MatMul;net/dense/Relu;net/dense/BiasAdd", "dense"),
        ("net/block/part/depthwise1;", "block/part"),
        ("net/dw1/depthwise;net/dw1/BiasAdd/ReadVariableOp1", "dw1"),
        ("StatefulPartitionedCall:0", "output"),
    ],
)
def test_layers_have_readable_names(tensor: str, name: str) -> None:
    assert layer_name(tensor) == name


def test_a_divergence_below_the_resolution_of_int8_counts_nothing() -> None:
    sure, almost = np.array([[1.0, 0.0]]), np.array([[0.999, 0.001]])
    assert mean_kl(almost, sure, floor=INT8_FLOOR) == pytest.approx(0, abs=1e-9)
    assert mean_kl(np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]]), floor=INT8_FLOOR) == pytest.approx(
        0.9 * np.log(1.8) + 0.1 * np.log(0.2)
    )


def test_the_study_has_every_draw(trained_run: Path, faces_zip: Path, tmp_path: Path) -> None:
    source = FloatModel.of_run(Run.open(trained_run))
    splits = model_splits(source, None)
    assert splits is not None
    result = study(source, splits, sizes=(5, 20, 10_000), seeds=(0, 1))
    assert [(draw.size, draw.seed) for draw in result.draws] == [(5, 0), (5, 1), (20, 0), (20, 1)]
    assert all(0 <= draw.kl < 0.1 and draw.agreement > 0.7 for draw in result.draws)
    assert result.values(20, "change") == pytest.approx(100 * (result.values(20, "accuracy") - result.reference))
    assert len(result.table().splitlines()) == 6


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--rounding", "gptq"), "leave --rounding away"),
        (("--calibration-method", "mse", "--per-tensor"), "leave --calibration-method, --per-tensor away"),
        (("--method", "int16x8"), "leave --method away"),
        (("--calibration-size", "50"), "leave --calibration-size away"),
    ],
)
def test_the_study_refuses_what_it_would_leave_out(
    trained_run: Path, tmp_path: Path, given: tuple[str, ...], named: str
) -> None:
    result = invoke("quantize", trained_run, "--calibration-study", tmp_path / "study", *given)
    assert result.exit_code == 2
    assert "--calibration-study quantizes to int8 by the smallest and largest values seen" in result.output
    assert named in result.output
    assert not (tmp_path / "study").exists()


def test_sensitivity_names_a_model_that_is_absent() -> None:
    result = invoke("sensitivity", "absent")
    assert result.exit_code == 1
    assert "absent is not there" in result.output
