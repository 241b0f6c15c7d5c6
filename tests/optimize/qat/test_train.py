"""Quantization-aware training: rewritten nets, distillation, frozen statistics, layers left in float, the command."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import ModelCard, read_card, write_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.optimize.converters.tensorflow import to_trained_int8
from edgeemo.optimize.graph.verify import verify_skipped
from edgeemo.optimize.qat.distillation_loss import DistilledLoss, compile_distilled, with_teacher
from edgeemo.optimize.qat.init_ranges import init_ranges
from edgeemo.optimize.qat.options import Distillation, QatOptions
from edgeemo.optimize.qat.train import fidelity, fine_tune, freeze_statistics, quantization_aware, train_int8
from edgeemo.train.backend import keras, tf
from edgeemo.train.checkpoint import Checkpoints, TrainingState
from edgeemo.train.config.recipe import Qat, Recipe, load_recipe
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.splits import TrainingData, training_data
from edgeemo.train.network.model import build_model, compile_model

from ...conftest import raises
from ...tools.command import run as edgeemo

L = keras.layers


def invoke(run: Path, *options: object) -> Result:
    return edgeemo("quantize", str(run), "--method", "qat", *options)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("demo", ["input.height=24", "input.width=24", "schedule.batch=32", "qat.epochs=1"])


@pytest.fixture(scope="module")
def few(faces_zip: Path) -> TrainingData:
    """128 training faces and 100 to validate on."""
    faces = read_dataset(faces_zip)
    return TrainingData(faces.split("train").take(range(0, 2500, 20)), faces.split("test").take(range(0, 700, 7)))


@pytest.fixture
def model(randomize: Any) -> Any:
    """One convolution with its normalization, and a classifier."""
    inputs = L.Input((24, 24, 1), name="face")
    x = L.Conv2D(8, 3, strides=3, use_bias=False, name="conv")(inputs)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="bn")(x))
    x = L.Dense(7, activation="softmax", name="emotion")(L.Flatten(name="flatten")(x))
    return randomize(keras.Model(inputs, x, name="small"), 1)


def as_tflite(data: bytes, recipe: Recipe, labels: tuple[str, ...], path: Path) -> Path:
    write_model(path, data, ModelCard("net", labels, recipe.input, recipe.task))
    return path


def odd_net(shape: tuple[int, int, int]) -> Any:
    """What tfmot refuses, or leaves in float, in one small net."""
    inputs = x = L.Input(shape, name="face")
    x = L.RandomFlip("horizontal")(x)
    x = L.Rescaling(2.0, -1.0)(x)
    x = L.SeparableConv2D(8, 3, strides=2)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    y = L.Conv2D(8, 3, padding="same", activation="swish")(x)
    x = L.AveragePooling2D()(L.Concatenate()([x, y]))
    x = L.Conv2D(8, 3, padding="same", activation="relu")(L.BatchNormalization()(x))
    gate = L.Conv2D(8, 1, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
    x = L.Flatten()(L.Multiply()([x, gate]))
    x = L.ReLU()(L.BatchNormalization()(L.Dense(12)(x)))
    x = L.BatchNormalization()(L.Dropout(0.5)(x))
    x = L.Add()([L.Dense(7)(x), L.Dense(7)(x)])
    return keras.Model(inputs, L.Softmax(name="emotion")(x), name="odd")


@pytest.mark.slow
def test_a_net_that_tfmot_refuses_becomes_int8(
    recipe: Recipe, few: TrainingData, randomize: Any, tmp_path: Path
) -> None:
    model = randomize(odd_net(recipe.input.shape), 1)
    data, aware = train_int8(model, recipe, few, QatOptions(epochs=1, steps=2), quiet=True)
    path = as_tflite(data, recipe, few.train.labels, tmp_path / "odd.tflite")
    found = fidelity(aware, path, few)
    assert found.n == 100
    assert found.mean_difference < 0.02
    assert found.agreement > 0.9
    assert "DEPTHWISE_CONV_2D" in [operator.name for operator in read_graph(data).operators]


def test_fine_tuning_keeps_the_best_epoch(recipe: Recipe, few: TrainingData, model: Any) -> None:
    tuned = dataclasses.replace(recipe, qat=Qat(epochs=3, learning_rate=0.01))
    aware = quantization_aware(model)
    history = fine_tune(aware, tuned, few, seed=0, quiet=True)
    inputs = few.validation.pixels(recipe.input).astype(np.float32) / np.float32(255)
    accuracy = (aware.predict(inputs, verbose=0).argmax(axis=1) == few.validation.targets).mean()
    assert len(history) == 3
    assert accuracy == pytest.approx(max(row["val_accuracy"] for row in history), abs=1e-6)
    # The last of three epochs is trained with frozen statistics.
    assert not any(layer.trainable for layer in aware.layers if layer.name == "quant_bn")


class Killed(Checkpoints):
    """The power goes after some epochs."""

    after = 1

    def save(self, state: TrainingState) -> None:
        super().save(state)
        if len(state.history) == self.after:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_training_resumes(recipe: Recipe, few: TrainingData, model: Any, tmp_path: Path, after: int) -> None:
    tuned = dataclasses.replace(recipe, qat=Qat(epochs=3, learning_rate=0.003))
    folder, found = tmp_path / "state", []
    killed = type("KilledLater", (Killed,), {"after": after})
    with pytest.raises(KeyboardInterrupt):
        fine_tune(quantization_aware(model), tuned, few, checkpoints=killed(folder, "key"), quiet=True)
    for checkpoints in (Checkpoints(folder, "key"), None):
        aware = quantization_aware(model)
        history = fine_tune(aware, tuned, few, checkpoints=checkpoints, quiet=True)
        found.append((history[-1]["loss"], [row["epoch"] for row in history]))
    # Sums of floats on several threads come in any order.
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-3)
    assert found[0][1] == found[1][1] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("steps", 0), ("epochs", -1)])
def test_too_few_are_refused(name: str, value: int) -> None:
    with raises(EdgeemoError, problem=f"the {name} of quantization-aware training are too few"):
        QatOptions(**{name: value})


def test_frozen_statistics_stay_and_scales_are_trained(recipe: Recipe, few: TrainingData, model: Any) -> None:
    aware = quantization_aware(model)
    compile_model(aware, recipe, learning_rate=0.01)
    inputs = few.train.pixels(recipe.input).astype(np.float32) / 255
    targets = np.eye(7, dtype=np.float32)[few.train.targets]
    (bn,) = (layer.layer for layer in aware.layers if layer.name == "quant_bn")
    start = bn.moving_mean.numpy(), bn.gamma.numpy()
    aware.train_on_batch(inputs, targets)
    trained = bn.moving_mean.numpy(), bn.gamma.numpy()
    freeze_statistics(aware)
    compile_model(aware, recipe, learning_rate=0.01)
    aware.train_on_batch(inputs, targets)
    assert not np.array_equal(start[0], trained[0])
    assert np.array_equal(trained[0], bn.moving_mean.numpy())
    assert not np.array_equal(trained[1], bn.gamma.numpy())


def test_every_kernel_has_ranges(recipe: Recipe, randomize: Any) -> None:
    """Tfmot puts none around a layer before a ReLU of its own."""
    aware = quantization_aware(randomize(odd_net(recipe.input.shape), 1))
    ranges = {variable.name.rsplit("_", 1)[0] for variable in aware.variables if "kernel_m" in variable.name}
    kernels = [variable.name for variable in aware.variables if "kernel:" in variable.name]
    assert len(ranges) == len(kernels) == 10


@pytest.mark.slow
def test_depthwise_channels_have_scales_of_their_own(recipe: Recipe, few: TrainingData, tmp_path: Path) -> None:
    """As after a batch normalization whose channels differ by four orders of magnitude."""
    scales = 10.0 ** np.linspace(-3, 1, 8)
    inputs = L.Input(recipe.input.shape)
    x = L.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    x = L.DepthwiseConv2D(1, name="scaled")(x)
    x = L.Conv2D(4, 3, strides=2, activation="relu")(x)
    model = keras.Model(inputs, L.Dense(7, activation="softmax")(L.Flatten()(x)))
    model.get_layer("scaled").set_weights([scales.reshape(1, 1, 8, 1), np.zeros(8)])
    aware = quantization_aware(model)
    fine_tune(aware, recipe, few, options=QatOptions(epochs=1, steps=1), quiet=True)
    # While it is traced, tfmot puts the quantized kernel in the place of the layer's own.
    (kernel,) = (v.numpy().ravel() for v in aware.get_layer("quant_scaled").variables if "kernel:" in v.name)
    data = to_trained_int8(aware, recipe.input)
    path = as_tflite(data, recipe, few.train.labels, tmp_path / "scaled.tflite")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    (found,) = (
        detail["quantization_parameters"]["scales"]
        for detail in interpreter.get_tensor_details()
        if detail["shape"].tolist() == [1, 1, 1, 8] and detail["dtype"] is np.int8
    )
    assert found == pytest.approx(np.abs(kernel) / 127, rel=0.01)


@pytest.mark.parametrize(
    ("outputs", "usual"),
    [(3, keras.losses.CategoricalCrossentropy(label_smoothing=0.1)), (1, keras.losses.BinaryCrossentropy())],
)
def test_the_distilled_loss_by_hand(outputs: int, usual: Any) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, outputs)).astype(np.float32)
    squash = tf.nn.softmax if outputs > 1 else tf.sigmoid
    student, teacher = (np.asarray(squash(values)) for values in logits)
    labels = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]][:, :outputs]
    loss = DistilledLoss(usual, Distillation(temperature=2.0, weight=0.25), outputs)
    if outputs == 1:
        soft = [np.stack([1 - p, p], -1)[:, 0] for p in (np.asarray(squash(values / 2)) for values in logits)]
    else:
        soft = [np.asarray(squash(values / 2)) for values in logits]
    divergence = (soft[1] * np.log(soft[1] / soft[0])).sum(axis=-1).mean()
    expected = 0.25 * 4 * divergence + 0.75 * float(usual(labels, student))
    assert float(loss(np.concatenate([labels, teacher], -1), student)) == pytest.approx(expected, rel=1e-4)
    assert float(loss(labels, student)) == pytest.approx(float(usual(labels, student)), rel=1e-6)


def test_ranges_are_settled_before_the_first_step(recipe: Recipe, few: TrainingData, model: Any) -> None:
    inputs = few.train.pixels(recipe.input).astype(np.float32) / 255
    expected = model.predict(inputs, verbose=0)
    aware = quantization_aware(model)
    others = [variable for variable in aware.variables if not variable.name.endswith(("_min:0", "_max:0"))]
    before = [variable.numpy() for variable in others]
    init_ranges(aware, [inputs[:64], inputs[64:128]])
    assert all(np.array_equal(one, variable.numpy()) for one, variable in zip(before, others, strict=True))
    found = {variable.name: variable.numpy() for variable in aware.variables}
    ends = [value for name, value in found.items() if name.endswith(("output_min:0", "output_max:0"))]
    assert ends
    assert all(abs(value) != 6 for value in ends)
    # The input's range; Keras numbers the layer.
    (top,) = (value for name, value in found.items() if name.startswith("quantize_layer") and name.endswith("_max:0"))
    assert top == pytest.approx(inputs.max())
    # Nothing was learned, and yet it says nearly what the float network says.
    assert np.abs(aware.predict(inputs, verbose=0) - expected).mean() < 0.02


@pytest.mark.slow
def test_distillation_draws_the_student_to_its_teacher(recipe: Recipe, few: TrainingData, model: Any) -> None:
    """With the teacher alone to learn from, wrong labels do no harm."""
    samples = [dataclasses.replace(sample, label=(sample.label + 1) % 7) for sample in few.train.samples]
    splits = TrainingData(dataclasses.replace(few.train, samples=tuple(samples)), few.validation)
    inputs = few.validation.pixels(recipe.input).astype(np.float32) / 255
    expected = model.predict(inputs, verbose=0)
    distance = {}
    for weight in (0.0, 1.0):
        aware = quantization_aware(model)
        tuned = dataclasses.replace(recipe, qat=Qat(epochs=6, learning_rate=0.03, distillation=weight))
        fine_tune(aware, tuned, splits, teacher=model, quiet=True)
        distance[weight] = np.abs(aware.predict(inputs, verbose=0) - expected).mean()
    assert distance[1.0] < 0.7 * distance[0.0]


def test_accuracy_is_that_of_the_labels_when_distilling(recipe: Recipe, few: TrainingData, model: Any) -> None:
    compile_model(model, recipe, learning_rate=0.0)
    inputs = few.train.pixels(recipe.input).astype(np.float32) / 255
    targets = np.eye(7, dtype=np.float32)[few.train.targets]
    batch = tf.data.Dataset.from_tensors((inputs, targets, np.ones(len(inputs), np.float32)))
    expected = model.evaluate(batch, verbose=0, return_dict=True)["accuracy"]
    compile_distilled(model, Distillation())
    found = model.evaluate(with_teacher(batch, model), verbose=0, return_dict=True)["accuracy"]
    assert found == pytest.approx(expected)


def test_a_skipped_layer_stays_in_float_and_nothing_else(recipe: Recipe, few: TrainingData, model: Any) -> None:
    options = QatOptions(epochs=2, steps=1, skip=("conv", "emotion"))
    data, aware = train_int8(model, recipe, few, options, quiet=True)
    # As asked for: the recipe has one epoch, the data four steps.
    assert int(aware.optimizer.iterations) == 2
    graph = read_graph(data)
    assert {name for name in graph.floating if name not in ("QUANTIZE", "DEQUANTIZE")} == {
        "CONV_2D",
        "FULLY_CONNECTED",
        "SOFTMAX",
    }
    # What is given to a layer in float is in float.
    assert (graph.inputs[0].type, graph.outputs[0].type) == ("FLOAT32", "FLOAT32")


def test_layers_between_others_stay_in_float_and_their_neighbors_do_not(recipe: Recipe, randomize: Any) -> None:
    """The converter would take them to int8 with the ranges around them, or leave in float what reads them."""
    inputs = L.Input((24, 24, 1), name="face")
    x = L.Conv2D(4, 3, strides=3, activation="relu", name="first")(inputs)
    x = L.Conv2D(4, 3, name="wide")(x)
    x = L.Conv2D(4, 1, activation="softplus", name="soft")(x)
    y = L.Conv2D(4, 1, name="side")(x)
    x = L.Add(name="sum")([x, y])
    x = L.GlobalAveragePooling2D(name="average")(L.Conv2D(6, 3, activation="relu", name="last")(x))
    model = randomize(keras.Model(inputs, L.Dense(7, activation="softmax", name="emotion")(x), name="net"), 1)
    skip = ("wide", "soft", "sum")
    graph = read_graph(to_trained_int8(quantization_aware(model, skip=skip), recipe.input))
    verify_skipped(graph, skip)
    operators = graph.operators
    floating = [operator.name for operator in operators if operator.floating]
    assert sorted(set(floating) - {"QUANTIZE", "DEQUANTIZE"}) == ["ADD", "CONV_2D", "EXP", "LOG"]
    assert floating.count("CONV_2D") == 2
    assert [operator.name for operator in operators if not operator.floating].count("CONV_2D") == 3
    assert not {"CAST"} & {operator.name for operator in operators}


def test_what_a_refusal_says_to_skip_is_enough(recipe: Recipe, randomize: Any) -> None:
    inputs = L.Input((24, 24, 1), name="face")
    x = L.ELU(name="odd")(L.Conv2D(4, 3, padding="same", name="first")(inputs))
    x = L.Concatenate(name="joined")([x, L.Conv2D(4, 3, padding="same", activation="relu", name="other")(inputs)])
    x = L.GlobalAveragePooling2D(name="average")(L.Conv2D(6, 3, activation="relu", name="last")(x))
    model = randomize(keras.Model(inputs, L.Dense(7, activation="softmax", name="emotion")(x), name="net"), 1)
    with pytest.raises(EdgeemoError) as caught:
        quantization_aware(model)
    skip = re.findall(r"--qat-skip (\w+)", caught.value.hint or "")
    assert skip == ["odd", "joined"]
    with raises(EdgeemoError, problem="joined: .* stays in floating point ", hint=" --qat-skip joined"):
        quantization_aware(model, skip=skip[:1])
    data = to_trained_int8(quantization_aware(model, skip=skip), recipe.input)
    verify_skipped(read_graph(data), skip)
    assert set(read_graph(data).floating) == {"DEQUANTIZE", "ELU", "CONCATENATION", "QUANTIZE"}


@pytest.mark.parametrize(
    ("model", "layer", "problem", "expected"),
    [
        ("tiny_float", "emotion", "more in floating point than what was left out$", " emotion alone"),
        ("tiny_int8", "dense", "the converter has quantized dense$", "^floating point"),
    ],
)
def test_what_is_in_float_is_what_was_skipped(
    model: str, layer: str, problem: str, expected: str, request: pytest.FixtureRequest
) -> None:
    with raises(EdgeemoError, problem=problem, expected=expected):
        verify_skipped(read_graph(request.getfixturevalue(model).read_bytes()), [layer])


@pytest.mark.slow
def test_the_command_says_how_well_the_tflite_repeats_keras(copy: Path) -> None:
    result = invoke(copy, "--qat-epochs", 1, "--qat-steps", 3, "--distill", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    found = figures["fidelity"]
    assert found["n"] == figures["accuracy"]["n"]
    assert 0 < found["mean_difference"] < 0.02
    assert found["mean_difference"] <= found["max_difference"] < 0.2
    assert found["agreement"] > 0.95
    assert figures["skipped"] == []
    assert not list(copy.glob(".*-training"))


@pytest.mark.slow
def test_the_command_says_what_it_left_in_float(copy: Path) -> None:
    choice = ("--set", "qat.distillation=1", "--set", "qat.learning_rate=1e-9")
    result = invoke(copy, "--qat-steps", 1, "--qat-skip", "emotion", "--qat-skip", "stem1_conv", *choice)
    assert result.exit_code == 0, result.output
    assert "left in floating point, as asked: emotion, stem1_conv" in result.output
    assert "against the Keras model that was converted: mean difference 0." in result.output
    card = read_card(copy / "demo-qat.tflite")
    assert card is not None
    assert "In floating point: emotion, stem1_conv." in card.notes
    probabilities = Classifier.open(copy / "demo-qat.tflite").predict(np.zeros((1, 24, 24, 1), np.uint8))
    assert probabilities.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--qat-skip", "conv99"), 1, "layer 'conv99' cannot be left in floating point, expected one of stem1_conv"),
        (("--set", "qat.rate=1"), 1, "demo has an unknown key qat.rate"),
        (("--set", "architecture.dropout=0.5"), 1, "architecture cannot be changed any more"),
        (("--qat-epochs", "0"), 2, "Invalid value for '--qat-epochs'"),
        (("--method", "int8", "--distill"), 2, "go with --method qat, not int8"),
        (("--method", "float32", "--qat-skip", "x"), 2, "go with --method qat, not float32"),
    ],
)
def test_options_that_do_not_fit_are_named(copy: Path, options: tuple[str, ...], code: int, sentence: str) -> None:
    result = invoke(copy, *options)
    assert result.exit_code == code
    assert sentence in result.output
    assert not list(copy.glob("*.tflite"))


#: recipe -> what makes it small
REDUCED = {
    "kdef-binary": ["input.height=32", "input.width=32", "architecture.filters=[8,8,16]"],
    "happy-sad": ["input.height=32", "input.width=32", "architecture.filters=[8,8,16]"],
    "fer-cnn38": ["input.height=24", "input.width=24", "architecture.filters=[8,8,16]"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REDUCED)
def test_a_published_net_becomes_int8(
    name: str, randomize: Any, faces_zip: Path, two_faces_zip: Path, tmp_path: Path
) -> None:
    loaded = load_recipe(name, [*REDUCED[name], "schedule.batch=8"])
    source = two_faces_zip if loaded.task == "binary" else faces_zip
    faces = read_dataset(source).split("train")
    data = training_data(faces.take(range(0, len(faces), len(faces) // 70)), validation=0.3, seed=0)
    model = randomize(build_model(loaded, len(data.train.labels)), 1)
    flatbuffer, aware = train_int8(model, loaded, data, QatOptions(epochs=1, steps=2), quiet=True)
    path = as_tflite(flatbuffer, loaded, data.train.labels, tmp_path / "net.tflite")
    assert not read_graph(flatbuffer).floating
    assert fidelity(aware, path, data).mean_difference < 0.02


@pytest.mark.slow
def test_a_short_densenet_becomes_int8(few: TrainingData, randomize: Any, tmp_path: Path) -> None:
    """DenseNet169's own layers, fewer of them: normalizations behind concatenations, pooling in the transitions."""
    densenet = importlib.import_module("tf_keras.src.applications.densenet").DenseNet
    recipe = load_recipe("demo", ["schedule.batch=32", "qat.epochs=1"])
    inputs = L.Input(recipe.input.shape, name="face")
    features = densenet([2, 1, 1, 1], include_top=False, weights=None, input_tensor=inputs).output
    x = L.GlobalAveragePooling2D(name="average")(features)
    model = randomize(keras.Model(inputs, L.Dense(7, activation="softmax", name="emotion")(x), name="short"), 1)
    flatbuffer, aware = train_int8(model, recipe, few, QatOptions(steps=2), quiet=True)
    path = as_tflite(flatbuffer, recipe, few.train.labels, tmp_path / "short.tflite")
    assert fidelity(aware, path, few).mean_difference < 0.03


def test_what_cannot_be_quantized_says_what_to_do() -> None:
    inputs = L.Input((8, 8, 1))
    x = L.Activation("selu", name="odd")(L.Conv2D(4, 3)(inputs))
    with raises(EdgeemoError, problem="layer odd: ", hint=" with --qat-skip odd, or use --method int8"):
        quantization_aware(keras.Model(inputs, x, name="net"))
