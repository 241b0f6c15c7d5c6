"""Models that people bring: every kind converts, and what does not fit is said in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import ModelCard, read_card, write_model
from edgeemo.edge.model.describe import Description
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters.representative_set import check_calibration
from edgeemo.optimize.converters.tensorflow import to_float
from edgeemo.optimize.float_model import keras_generation, open_float_model
from edgeemo.optimize.methods import METHODS, engine
from edgeemo.optimize.options import QuantizeOptions
from edgeemo.train.backend import keras as keras2
from edgeemo.train.backend import tf

from ..conftest import raises
from ..tools.command import run as edgeemo

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
WORDS = ("--labels", ",".join(LABELS), "--normalization", "unit")
#: Drawn once for all calls of this process; 140 of them are compared.
FACES = "synthetic:train=1400,test=0,size=24"


def net(keras: Any, *, shape: tuple[int | None, ...] = (24, 24, 1), inputs: int = 1, classes: int = 7) -> Any:
    """A net of a few layers, its weights drawn so large that it is sure of its answers."""
    layers = keras.layers
    faces = [layers.Input(shape) for _ in range(inputs)]
    x = layers.Concatenate()(faces) if inputs > 1 else faces[0]
    x = layers.Conv2D(16, 3, strides=2, padding="same", name="first")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, activation="softmax" if classes > 1 else "sigmoid", name="emotion")(x)
    model = keras.Model(faces, x)
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(w) if w.ndim == 1 else rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind -> path of the same net, as different people would keep it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras as keras3

        folder = tmp_path_factory.mktemp("brought")
        paths = {name: folder / name for name in ("two.keras", "two.h5", "three.keras", "saved", "float.tflite")}
        model = net(keras2)
        model.save(paths["two.keras"])
        model.save(paths["two.h5"])
        net(keras3).save(paths["three.keras"])
        tf.saved_model.save(model, str(paths["saved"]))
        paths["float.tflite"].write_bytes(to_float(model, InputSpec(24, 24)))
    return paths


def quantize(model: Path | str, *options: object) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return edgeemo("quantize", str(model), *options)


KINDS = ("two.keras", "two.h5", "three.keras", "saved", "float.tflite")


@pytest.mark.parametrize(("kind", "method"), [*((kind, "int8") for kind in KINDS), ("float.tflite", "float16")])
def test_every_kind_converts(brought: dict[str, Path], tmp_path: Path, kind: str, method: str) -> None:
    out = tmp_path / "x.tflite"
    result = quantize(
        brought[kind], *WORDS, "--data", FACES, "--method", method, "--out", out, "--calibration-size", 40, "--json"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["agreement"] > (0.99 if method == "float16" else 0.9)
    METHODS.load(method).verify(read_graph(out.read_bytes()), QuantizeOptions())
    card = read_card(out)
    assert card is not None
    assert (card.labels, card.input, card.quantization.method) == (LABELS, InputSpec(24, 24), method)
    assert card.quantization.calibration_size == (40 if method == "int8" else 0)
    assert card.quantization.engine == engine("ai-edge-quantizer" if kind == "float.tflite" else "tensorflow")
    # Nobody knows whether the model has seen these images: no figure of theirs goes into its card.
    assert not card.metrics
    assert Classifier.open(out).probabilities(np.zeros((24, 24), np.uint8)).shape == (7,)


@pytest.mark.parametrize("method", ["dynamic", "int8-float-io", "int16x8"])
def test_a_float_tflite_takes_the_other_methods_too(brought: dict[str, Path], tmp_path: Path, method: str) -> None:
    out = tmp_path / "x.tflite"
    result = quantize(
        brought["float.tflite"], *WORDS, "--data", FACES, "--method", method, "--out", out, "--calibration-size", 40
    )
    assert result.exit_code == 0, result.output
    assert "measured on training images that the model may have seen" in result.output
    METHODS.load(method).verify(read_graph(out.read_bytes()), QuantizeOptions())


@pytest.mark.parametrize("method", ["float16", "dynamic"])
def test_methods_without_ranges_need_no_faces(brought: dict[str, Path], tmp_path: Path, method: str) -> None:
    result = quantize(brought["two.keras"], *WORDS, "--method", method, "--out", tmp_path / "x.tflite")
    assert result.exit_code == 0, result.output
    assert "validation" not in result.output


def test_a_card_describes_as_well(brought: dict[str, Path], tmp_path: Path) -> None:
    card = ModelCard("mine", LABELS, InputSpec(24, 24))
    (tmp_path / "card.json").write_text(card.to_json())
    given = open_float_model(brought["two.keras"], Description(card=str(tmp_path / "card.json")))
    write_model(tmp_path / "with.tflite", brought["float.tflite"].read_bytes(), card)
    assert given.card == open_float_model(tmp_path / "with.tflite").card == card


@pytest.mark.parametrize(("kind", "generation"), [("two.keras", 2), ("two.h5", 2), ("three.keras", 3), ("saved", 0)])
def test_the_generation_of_keras_is_read_from_the_file(brought: dict[str, Path], kind: str, generation: int) -> None:
    assert keras_generation(brought[kind]) == generation


def saved(build: Callable[[], Any]) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        build().save(folder / "model.keras")
        return folder / "model.keras"

    return save


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def eight() -> Any:
    """A net that takes eight images at once."""
    faces = keras2.layers.Input((24, 24, 1), batch_size=8)
    return keras2.Model(faces, keras2.layers.Dense(7)(keras2.layers.Flatten()(faces)))


def dynamic(path: Path) -> Path:
    """A .tflite that takes images of any size."""
    model = net(keras2, shape=(None, None, 1))
    whole = tf.function(lambda face: model(face, training=False))
    concrete = whole.get_concrete_function(tf.TensorSpec((1, None, None, 1), tf.float32))
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert())
    return path


ODD: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], str]] = {
    "nothing there": (lambda folder: folder / "gone", WORDS, "gone is not there, expected a run folder, a .keras"),
    "another format": (written("net.onnx", b"\x08\x07 no model"), WORDS, "not a model that can be quantized"),
    "an empty file": (written("net.pb", b""), WORDS, "got a .pb file that is empty"),
    "a folder of something": (lambda folder: folder, WORDS, "is not a run folder and not a SavedModel"),
    "a broken .keras": (written("net.keras", b"PK no zip"), WORDS, "cannot be loaded as a Keras model"),
    "a broken .tflite": (
        written("net.tflite", b"\x1c\0\0\0TFL3" + b"\xff" * 64),
        WORDS,
        "is not a readable TFLite model",
    ),
    "several inputs": (saved(lambda: net(keras2, inputs=2)), WORDS, "expected one input and one output, got 2 and 1"),
    "no image": (
        saved(lambda: keras2.Sequential([keras2.layers.Input((9,)), keras2.layers.Dense(7)])),
        WORDS,
        r"does not take images, expected an input (batch, height, width, channels)",
    ),
    "dynamic shape": (
        saved(lambda: net(keras2, shape=(None, None, 1))),
        WORDS,
        "has a dynamic input size, got (None, None, None, 1); fix it with --height and --width",
    ),
    "no description": (saved(lambda: net(keras2)), (), "expected --labels and --normalization, or --card FILE"),
    "no normalization": (saved(lambda: net(keras2)), WORDS[:2], "expected --normalization, or --card FILE"),
    "too few labels": (
        saved(lambda: net(keras2)),
        ("--labels", "a,b", *WORDS[2:]),
        "contradicts its output, expected labels for 7 outputs, got 2 labels",
    ),
    "another size": (
        saved(lambda: net(keras2)),
        (*WORDS, "--height", "48"),
        "contradicts its input, expected 24 x 24 x 1, got 48 x 24 x 1",
    ),
    "other colors": (
        saved(lambda: net(keras2)),
        (*WORDS, "--channels", "rgb"),
        "contradicts its input, expected 24 x 24 x 1, got 24 x 24 x 3",
    ),
    "a batch of eight": (
        saved(eight),
        WORDS,
        "takes 8 images at once, expected a batch of one, or one that is free",
    ),
    "a dynamic .tflite": (
        lambda folder: dynamic(folder / "net.tflite"),
        (*WORDS, "--height", "24", "--width", "24"),
        "has a dynamic input size, expected a .tflite with a fixed height, width and number of channels, got (1, -1",
    ),
    "two channels": (saved(lambda: net(keras2, shape=(24, 24, 2))), WORDS, "expected 1 or 3 channels, got 2"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_cannot_be_quantized_is_said(tmp_path: Path, case: str) -> None:
    make, words, sentence = ODD[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make(tmp_path)
    result = quantize(model, *words, "--method", "float32", "--out", tmp_path / "out.tflite")
    assert result.exit_code == 1, result.output
    assert sentence in " ".join(result.output.split())
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("two.keras", ("--method", "int8"), "int8 needs faces to calibrate on, expected faces of the kind"),
        ("two.keras", ("--method", "qat"), "qat needs faces to train on"),
        ("two.keras", ("--method", "float32", "--max-drop", "1"), "the gate needs faces to measure with"),
        ("two.keras", ("--calibration-study", "study"), "a study needs faces"),
        ("three.keras", ("--method", "qat", "--data", FACES), "got a Keras 3 model; use --method int8, or build"),
        ("saved", ("--method", "qat", "--data", FACES), "got a SavedModel; use --method int8"),
        ("float.tflite", ("--method", "qat", "--data", FACES), "got a .tflite; use --method int8"),
        ("two.keras", ("--method", "qat", "--data", FACES), "a recipe that tells how to train it (--recipe)"),
    ],
)
def test_what_a_method_lacks_is_said(
    brought: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    options: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = quantize(brought[kind], *WORDS, *options, "--out", tmp_path / "x.tflite")
    assert result.exit_code == 1
    assert sentence in " ".join(result.output.split())


def test_a_model_that_ships_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = quantize("edge-res-float32", "--method", "float16")
    assert result.exit_code == 0, result.output
    # Here, and not in the package's folder.
    assert read_card(tmp_path / "edge-res-float32-float16.tflite") is not None


def test_an_int8_tflite_is_no_source(tiny_int8: Path, tmp_path: Path) -> None:
    result = quantize(tiny_int8, "--method", "float32", "--out", tmp_path / "x.tflite")
    assert result.exit_code == 1
    assert "is quantized already, expected a float32 .tflite, got INT8; start from the float model" in result.output


@pytest.mark.parametrize(
    ("pixels", "fields"),
    [
        (None, {"problem": "static quantization needs calibration faces"}),
        (np.empty((0, 24, 24, 1), np.uint8), {"problem": "static quantization needs calibration faces"}),
        (
            np.zeros((2, 48, 48, 1), np.uint8),
            {"problem": "do not fit the model$", "expected": " 24 x 24 ", "got": r"^uint8 of shape \(2, 48, 48, 1\)"},
        ),
        (np.zeros((2, 24, 24, 3), np.uint8), {"problem": "do not fit the model$", "expected": " 1 channels"}),
        (np.zeros((2, 24, 24, 1), np.float32), {"problem": "do not fit the model$", "got": "^float32"}),
    ],
)
def test_calibration_pixels_that_do_not_fit_are_refused(pixels: np.ndarray | None, fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        check_calibration(pixels, InputSpec(24, 24))


@pytest.mark.slow
def test_running_out_of_memory_is_said(tmp_path: Path) -> None:
    """In a process of its own, whose address space is limited for real."""
    code = """
import resource
from edgeemo.cli import main
from edgeemo.optimize import quantize  # the libraries first
resource.setrlimit(resource.RLIMIT_AS, (SIZE, SIZE))
main(WORDS)
"""
    model = net(keras2, shape=(None, None, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "net.keras")
    words = ["quantize", str(tmp_path / "net.keras"), *WORDS, "--height", "4000", "--width", "4000"]
    words += ["--data", "synthetic:train=1200,test=0,size=24", "--calibration-size", "1000"]
    # Images of 16 MB each, a thousand of them.
    script = code.replace("SIZE", str(12 << 30)).replace("WORDS", repr(words))
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "ran out of memory" in result.stderr
    assert "Traceback" not in result.stderr
