"""``edgeemo quantize``: real conversions of a small trained run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.interpreter import installed_runtimes, load
from edgeemo.edge.model.card import read_card
from edgeemo.optimize.data_splits import run_splits
from edgeemo.optimize.graph.verify import verify_full_int8, verify_granularity
from edgeemo.optimize.methods import METHODS, engine
from edgeemo.optimize.options import QuantizeOptions
from edgeemo.optimize.quantize import quantize, slow_images
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.splits import TrainingData, calibration_set
from edgeemo.train.evaluation.predictor import open_predictor
from edgeemo.train.fit.run import Run

from ..conftest import raises
from ..tools.command import run as edgeemo

# tf.lite's interpreter is announced to go; it is measured as long as people have it.
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")

INT8_METHODS = ("int8", "qat")


def invoke(run: Path, *options: str) -> Result:
    return edgeemo("quantize", str(run), *options)


@pytest.fixture(scope="module")
def run(trained_run: Path) -> Run:
    return Run.open(trained_run)


@pytest.fixture(scope="module")
def splits(run: Run) -> TrainingData:
    return run_splits(run)


@pytest.fixture(scope="module")
def test_pixels(run: Run, faces_zip: Path) -> np.ndarray:
    """The test images, fitted."""
    return read_dataset(faces_zip).split("test").pixels(run.card.input)


@pytest.fixture(scope="module")
def of_keras(trained_run: Path, test_pixels: np.ndarray) -> np.ndarray:
    """The float model's probabilities for the test images."""
    return open_predictor(trained_run).predict(test_pixels)


@pytest.mark.parametrize("method", METHODS.names())
def test_the_card_is_the_run_s_with_the_quantization(converted: dict[str, Path], run: Run, method: str) -> None:
    card = read_card(converted[method])
    assert card is not None
    assert (card.name, card.quantization.method) == (f"demo-{method}", method)
    assert (card.labels, card.input, card.provenance) == (run.card.labels, run.card.input, run.card.provenance)


@pytest.mark.parametrize("method", METHODS.names())
def test_the_card_names_the_engine(converted: dict[str, Path], method: str) -> None:
    card = read_card(converted[method])
    assert card is not None
    assert card.quantization.engine == engine("tensorflow")


def test_the_card_names_the_calibration_set(converted: dict[str, Path], splits: TrainingData) -> None:
    card, chosen = read_card(converted["int8"]), calibration_set(splits.train, size=200, seed=1)
    assert card is not None
    recorded = card.quantization
    assert (recorded.calibration_hash, recorded.calibration_seed) == (chosen.content_hash, 1)
    assert recorded.calibration_size == len(chosen) == 200


def test_the_card_of_qat_names_the_training_images(converted: dict[str, Path], splits: TrainingData) -> None:
    card = read_card(converted["qat"])
    assert card is not None
    recorded = card.quantization
    assert (recorded.calibration_hash, recorded.calibration_size) == (splits.train.content_hash, len(splits.train))


@pytest.mark.parametrize("method", METHODS.names())
def test_the_card_has_the_figures_of_both_models(
    converted: dict[str, Path], run: Run, splits: TrainingData, method: str
) -> None:
    card = read_card(converted[method])
    assert card is not None
    figure = card.metrics[f"{method} validation"]
    found = Classifier.open(converted[method]).predict(splits.validation.pixels(run.card.input)).argmax(axis=1)
    assert (figure["n"], figure["correct"]) == (len(found), int((found == splits.validation.targets).sum()))
    assert "float32 validation" in card.metrics


EDGES = dict.fromkeys(METHODS.names(), np.float32) | {"int8": np.int8, "qat": np.int8, "int16x8": np.int16}


@pytest.mark.parametrize(("method", "dtype"), EDGES.items())
def test_input_and_output_types(converted: dict[str, Path], method: str, dtype: type) -> None:
    session = load(converted[method])
    assert (session.input.dtype, session.output.dtype) == (dtype, dtype)


@pytest.mark.parametrize("method", INT8_METHODS)
def test_int8_scales_are_those_of_pixels_and_probabilities(converted: dict[str, Path], method: str) -> None:
    session = load(converted[method])
    assert (session.input.scale, session.input.zero_point) == (pytest.approx(1 / 255, rel=0.02), -128)
    assert (session.output.scale, session.output.zero_point) == (1 / 256, -128)


@pytest.mark.parametrize("method", METHODS.names())
@pytest.mark.parametrize("runtime", installed_runtimes())
def test_every_runtime_gives_the_same_labels(
    converted: dict[str, Path], test_pixels: np.ndarray, method: str, runtime: str
) -> None:
    first = Classifier.open(converted[method]).predict(test_pixels[:200]).argmax(axis=1)
    found = Classifier.open(converted[method], runtime=runtime).predict(test_pixels[:200]).argmax(axis=1)
    # Kernels may round a step apart, and int8 has ties.
    assert (found == first).mean() >= 0.97


def test_the_float_model_equals_keras(
    converted: dict[str, Path], test_pixels: np.ndarray, of_keras: np.ndarray
) -> None:
    assert np.abs(Classifier.open(converted["float32"]).predict(test_pixels) - of_keras).max() < 1e-5


#: Least share of the labels that the float net is sure of which stay, and the largest mean change of a probability.
#: Rounding decides the labels of faces between two classes; an epoch of fine-tuning those of some more.
CLOSE = {
    "float16": (0.99, 0.001),
    "dynamic": (0.99, 0.02),
    "int8": (0.98, 0.02),
    "int8-float-io": (0.98, 0.02),
    "int16x8": (0.98, 0.01),
    "qat": (0.8, 0.06),
}
SURE = 0.1


@pytest.mark.parametrize("method", CLOSE)
def test_quantized_models_agree_with_keras(
    converted: dict[str, Path], test_pixels: np.ndarray, of_keras: np.ndarray, method: str
) -> None:
    found = Classifier.open(converted[method]).predict(test_pixels)
    least, most = CLOSE[method]
    second, first = np.sort(of_keras, axis=1)[:, -2:].T
    sure = first - second > SURE
    assert sure.mean() > 0.3
    assert (found.argmax(axis=1) == of_keras.argmax(axis=1))[sure].mean() >= least
    assert np.abs(found - of_keras).mean() < most


@pytest.mark.parametrize(("method", "share"), [*((m, 0.5) for m in CLOSE if m != "float16"), ("float16", 0.6)])
def test_quantized_models_are_smaller(converted: dict[str, Path], method: str, share: float) -> None:
    assert converted[method].stat().st_size < share * converted["float32"].stat().st_size


@pytest.mark.parametrize(
    ("method", "ranges", "per_channel"),
    [("float32", "", None), ("float16", "", None), ("dynamic", "", True), ("int8", "minmax", True), ("qat", "", True)],
)
def test_the_card_tells_ranges_and_scales(
    converted: dict[str, Path], method: str, ranges: str, per_channel: bool | None
) -> None:
    card = read_card(converted[method])
    assert card is not None
    assert (card.quantization.ranges, card.quantization.per_channel) == (ranges, per_channel)


@pytest.mark.parametrize("ranges", ["percentile", "mse"])
def test_clipped_ranges_are_finer(run: Run, splits: TrainingData, tmp_path: Path, ranges: str) -> None:
    result = quantize(run, "int8", tmp_path / "x.tflite", QuantizeOptions(50, ranges), data=splits)
    assert result.card.quantization.ranges == ranges
    assert result.card.quantization.engine == engine("ai-edge-quantizer")
    assert result.agreement > 0.85
    verify_full_int8(result.path.read_bytes())


def test_per_tensor_has_one_scale_and_less_agreement(
    converted: dict[str, Path], run: Run, splits: TrainingData, tmp_path: Path
) -> None:
    coarse = quantize(run, "int8", tmp_path / "x.tflite", QuantizeOptions(200, per_channel=False), data=splits)
    verify_granularity(coarse.path.read_bytes(), per_channel=False)
    verify_granularity(converted["int8"].read_bytes(), per_channel=True)
    with raises(EdgeemoError, expected="^a scale for each output channel"):
        verify_granularity(coarse.path.read_bytes(), per_channel=True)
    assert coarse.card.quantization.per_channel is False


def test_the_command_writes_beside_the_run_and_repeats_itself(converted: dict[str, Path], copy: Path) -> None:
    result = invoke(copy, "--calibration-size", "200", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    written = copy / "demo-int8.tflite"
    assert (figures["model"], figures["bytes"]) == (str(written), written.stat().st_size)
    assert written.read_bytes() == converted["int8"].read_bytes()
    assert figures["card"] == json.loads(json.dumps(read_card(written).to_dict()))  # type: ignore[union-attr]


def test_the_command_overwrites_with_force_and_says_how_to_prove_it(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "new.tflite").write_text("old")
    result = invoke(copy, "--method", "float32", "--out", str(tmp_path / "new.tflite"), "--force")
    assert result.exit_code == 0, result.output
    assert read_card(tmp_path / "new.tflite") is not None
    assert f"{tmp_path}/new.tflite: " in result.output
    assert "agreement 100.00%" in result.output
    assert f"edgeemo validate {copy} {tmp_path}/new.tflite" in result.output


def test_data_that_has_moved_can_be_named(copy: Path, faces_zip: Path, tmp_path: Path) -> None:
    settings = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**settings, "data": str(tmp_path / "gone.zip")}))
    assert "gone.zip is not there" in invoke(copy, "--method", "float32").output
    shutil.copy(faces_zip, tmp_path / "moved.zip")
    assert invoke(copy, "--method", "float32", "--data", str(tmp_path / "moved.zip")).exit_code == 0


def test_other_data_is_refused(copy: Path) -> None:
    result = invoke(copy, "--data", "synthetic:train=140,test=0,size=24")
    assert result.exit_code == 1
    assert "is not the data with which" in result.output
    assert "expected content hash" in result.output
    assert not list(copy.glob("*.tflite"))


def test_an_existing_file_is_refused_and_stays(copy: Path) -> None:
    (copy / "demo-int8.tflite").write_text("mine")
    result = invoke(copy)
    assert (result.exit_code, (copy / "demo-int8.tflite").read_text()) == (1, "mine")
    assert "exists already" in result.output


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--method", "int4"), 2, "'int4' is not one of 'float32', 'float16', 'dynamic', 'int8'"),
        (
            ("--calibration-method", "mse", "--method", "dynamic"),
            2,
            "dynamic has no activation ranges to estimate by mse",
        ),
        (("--max-drop", "-1"), 2, "--max-drop must not be negative"),
        (("--mixed-precision",), 2, "--mixed-precision needs --max-drop"),
        (
            ("--mixed-precision", "--max-drop", "1", "--method", "qat"),
            2,
            "--mixed-precision goes with --method int8 or int8-float-io",
        ),
        (("--card", "gone.json"), 2, "a run has its own card"),
        (("--calibration-size", "0"), 2, "number of images out of range"),
        (("--out", "."), 1, "is a folder, expected a file name"),
        (("--out", "/proc/edgeemo/x.tflite"), 1, "cannot be written"),
    ],
)
def test_options_that_do_not_fit_are_named(copy: Path, options: tuple[str, ...], code: int, sentence: str) -> None:
    result = invoke(copy, *options)
    assert result.exit_code == code
    assert sentence in result.output
    assert not list(copy.glob("*.tflite"))


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("model.keras", "has not finished training (model.keras is missing); continue with: edgeemo train --resume"),
        ("card.json", "has not finished training (card.json is missing)"),
        ("run.json", "is not a run folder"),
    ],
)
def test_what_is_no_finished_run_is_refused(copy: Path, missing: str, sentence: str) -> None:
    (copy / missing).unlink()
    result = invoke(copy)
    assert result.exit_code == 1
    assert sentence in result.output


def test_a_damaged_keras_model_is_named(copy: Path) -> None:
    (copy / "model.keras").write_bytes((copy / "model.keras").read_bytes()[:1000])
    result = invoke(copy)
    assert result.exit_code == 1
    assert "model.keras cannot be loaded as a Keras model" in result.output


def test_an_unknown_method_is_named(run: Run, splits: TrainingData, tmp_path: Path) -> None:
    with raises(
        EdgeemoError, problem="unknown quantization method$", expected="^one of float32, float16, ", got="^'int4'$"
    ):
        quantize(run, "int4", tmp_path / "x.tflite", data=splits)


def test_noise_does_not_calibrate(run: Run, splits: TrainingData, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (24, 24), np.uint8) for _ in range(len(splits.train))]
    train = Dataset("noise", splits.train.labels, splits.train.samples, noise)
    with raises(EdgeemoError, problem="calibration set noise looks like random noise"):
        quantize(run, "int8", tmp_path / "x.tflite", data=TrainingData(train, splits.validation))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("macs", "images"), [(0, 500), (147_000_000, 500), (9_911_300_000, 201), (500_000_000_000, 20)]
)
def test_slow_kernels_are_compared_within_a_quarter_of_an_hour(macs: int, images: int) -> None:
    assert slow_images(macs) == images
