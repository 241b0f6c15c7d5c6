"""Lifted logits: the same int8 model, whose rounding does not depend on where a kernel takes a middle to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import Operator, read_graph
from edgeemo.optimize.converters.tensorflow import to_static
from edgeemo.optimize.graph.shift_logits import shift_logits
from edgeemo.train.backend import keras, set_seed, tf
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.network.model import load_model

SIDE = 24


@pytest.fixture(scope="module")
def faces(measured_zip: Path) -> np.ndarray:
    """Synthetic faces uint8 (700, 24, 24, 1)."""
    return np.stack([np.asarray(image)[..., None] for image in read_dataset(str(measured_zip)).images])


@pytest.fixture(scope="module")
def bare(trained_run: Path, faces: np.ndarray) -> bytes:
    """int8 as the converter makes it."""
    model = load_model(trained_run / "model.keras")
    face = tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(lambda face: model(face, training=False)).get_concrete_function(face)], model
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None] / np.float32(255)] for image in faces[:200])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def classifier(data: bytes) -> Operator:
    (dense,) = [operator for operator in read_graph(data).operators if operator.name == "FULLY_CONNECTED"]
    return dense


def constant(data: bytes, index: int) -> np.ndarray:
    net = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    net.allocate_tensors()
    return np.asarray(net.get_tensor(index))


def answers(data: bytes, faces: np.ndarray) -> np.ndarray:
    net = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    net.allocate_tensors()
    found = []
    for face in faces:
        net.set_tensor(net.get_input_details()[0]["index"], (face[None].astype(int) - 128).astype(np.int8))
        net.invoke()
        found.append(net.get_tensor(net.get_output_details()[0]["index"])[0].astype(int))
    return np.array(found)


def rounded(dense: Operator, sums: np.ndarray, *, up: bool) -> np.ndarray:
    """int8 logits of sums int64 (n, classes), as TFLite computes them; middles go up, or away from zero.

    The two steps of gemmlowp (fixedpoint.h): a product in 31 fractional bits, rounded, and a shift, rounded again.
    """
    x, weights, _ = dense.inputs
    scale = x.scales[0] * np.array(weights.scales) / dense.outputs[0].scales[0]
    mantissa, exponent = np.frexp(scale)
    product = (sums * np.rint(mantissa * 2**31).astype(np.int64) + 2**30) >> 31
    half, shift = 1 << (-exponent - 1), -exponent
    away = np.where(product < 0, -((-product + half) >> shift), (product + half) >> shift)
    values = ((product + half) >> shift) if up else away
    return np.clip(values + dense.outputs[0].zero_points[0], -128, 127)


def test_no_middle_is_left_to_the_kernel(bare: bytes) -> None:
    after = shift_logits(bare)
    assert classifier(bare).outputs[0].zero_points[0] > -128
    assert classifier(after).outputs[0].zero_points == (-128,)
    products = np.random.default_rng(0).integers(-200_000, 200_000, (300_000, 7))
    differ = {}
    for name, data in (("before", bare), ("after", after)):
        dense = classifier(data)
        sums = products + constant(data, dense.inputs[2].index).astype(np.int64)
        differ[name] = int((rounded(dense, sums, up=True) != rounded(dense, sums, up=False)).sum())
    assert differ["before"] > 100
    assert differ["after"] == 0


def test_every_logit_stays_what_it_is(bare: bytes) -> None:
    before, after = classifier(bare), classifier(shift_logits(bare))
    products = np.random.default_rng(0).integers(-200_000, 200_000, (10_000, 7))
    values = [
        rounded(dense, products + constant(data, dense.inputs[2].index), up=False)
        for dense, data in ((before, bare), (after, shift_logits(bare)))
    ]
    assert len(np.unique(values[0])) > 200
    assert (values[0] != values[1]).mean() < 0.002
    assert np.abs(values[0] - values[1]).max() <= 1


def test_faces_get_the_same_answers(bare: bytes, faces: np.ndarray) -> None:
    before, after = answers(bare, faces[200:]), answers(shift_logits(bare), faces[200:])
    # A rounding of one logit, no more: a step of it moves a probability by some hundredths at most.
    assert (before != after).any(axis=1).mean() < 0.02
    assert np.abs(before - after).max() <= 4
    assert len(np.unique(before.argmax(axis=1))) == 7


def test_nothing_but_biases_and_one_zero_point_is_changed(bare: bytes) -> None:
    after = shift_logits(bare)
    assert len(after) == len(bare)
    assert sum(a != b for a, b in zip(bare, after, strict=True)) <= 7 * 4 + 8
    assert shift_logits(after) == after


@pytest.mark.parametrize("method", ["int8", "int8-float-io", "qat"])
def test_quantize_lifts(converted: dict[str, Path], method: str) -> None:
    assert classifier(split_model(converted[method].read_bytes())[0]).outputs[0].zero_points == (-128,)


@pytest.mark.parametrize("method", ["float32", "float16", "dynamic", "int16x8"])
def test_others_are_left_alone(converted: dict[str, Path], method: str) -> None:
    data = split_model(converted[method].read_bytes())[0]
    assert shift_logits(data) == data


def test_a_sigmoid_is_left_alone(faces: np.ndarray) -> None:
    """Only a softmax does not see that all logits rise."""
    from edgeemo.train.network.model import build_model

    set_seed(0)
    overrides = ["task=binary", f"input.height={SIDE}", f"input.width={SIDE}", "loss.label_smoothing=0.0"]
    recipe = load_recipe("demo", overrides)
    data = to_static(build_model(recipe, 2), recipe.input, faces[:20])
    assert shift_logits(data) == data


def test_logits_that_somebody_else_reads_are_left_alone(faces: np.ndarray) -> None:
    set_seed(0)
    inputs = keras.Input((SIDE, SIDE, 1))
    features = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, strides=4)(inputs))
    logits = keras.layers.Dense(7)(features)
    model = keras.Model(inputs, keras.layers.Multiply()([keras.layers.Softmax()(logits), logits]))
    data = to_static(model, load_recipe("demo", [f"input.height={SIDE}", f"input.width={SIDE}"]).input, faces[:20])
    assert {"FULLY_CONNECTED", "SOFTMAX"} <= {operator.name for operator in read_graph(data).operators}
    assert shift_logits(data) == data
