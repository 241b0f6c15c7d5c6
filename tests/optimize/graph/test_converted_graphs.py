"""What ``edge.anatomy.graph`` reads from models that were really converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters.tensorflow import to_float
from edgeemo.optimize.graph.verify import verify_full_int8
from edgeemo.train.backend import keras, quiet_native, tf

from ...conftest import raises

L = keras.layers

#: Of the trained run's net: output pixels * filters * kernel * input channels.
MACS = sum(
    (
        24 * 24 * 8 * 9 * 1,  # stem
        12 * 12 * 16 * 9 * 8,
        2 * 12 * 12 * 16 * 9 * 16,  # first block
        6 * 6 * 32 * 1 * 16,  # second block: projection, two convolutions
        6 * 6 * 32 * 9 * 16,
        6 * 6 * 32 * 9 * 32,
        32 * 7,  # classifier
    )
)


@pytest.mark.parametrize("method", ["float32", "int8", "qat"])
def test_multiply_accumulates_by_hand(converted: dict[str, Path], method: str) -> None:
    assert read_graph(converted[method].read_bytes()).macs == MACS


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (lambda: L.Conv2D(5, (5, 3), strides=2, padding="same", use_bias=False), 4 * 6 * 5 * 5 * 3 * 3),
        (lambda: L.Conv2D(4, 3, padding="valid"), 6 * 10 * 4 * 9 * 3),
        (lambda: L.DepthwiseConv2D(3, padding="same"), 8 * 12 * 3 * 9),
        (lambda: L.Dense(5), 8 * 12 * 5 * 3),
        (lambda: L.MaxPooling2D(), 0),
    ],
    ids=["strided convolution", "valid convolution", "depthwise", "dense", "pooling"],
)
def test_multiply_accumulates_of_one_layer(layer: object, macs: int) -> None:
    inputs = L.Input((8, 12, 3))
    model = keras.Model(inputs, layer()(inputs))  # type: ignore[operator]
    assert read_graph(to_float(model, InputSpec(8, 12, "rgb"))).macs == macs


def test_a_float_model_s_operators_are_all_floating(converted: dict[str, Path]) -> None:
    graph = read_graph(converted["float32"].read_bytes())
    assert graph.floating.total() == len(graph.operators)
    assert graph.floating["CONV_2D"] == 7
    assert {tensor.type for tensor in (*graph.inputs, *graph.outputs)} == {"FLOAT32"}


@pytest.mark.parametrize("method", ["int8", "qat"])
def test_an_int8_model_has_no_floating_operator(converted: dict[str, Path], method: str) -> None:
    graph = read_graph(converted[method].read_bytes())
    assert not graph.floating
    assert [tensor.type for tensor in (*graph.inputs, *graph.outputs)] == ["INT8", "INT8"]
    assert [tensor.shape for tensor in (*graph.inputs, *graph.outputs)] == [(1, 24, 24, 1), (1, 7)]


@pytest.mark.parametrize("method", ["int8", "qat"])
def test_normalization_is_folded_and_the_batch_is_fixed(converted: dict[str, Path], method: str) -> None:
    names = {operator.name for operator in read_graph(converted[method].read_bytes()).operators}
    assert names <= {"CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "SOFTMAX"}


def test_a_card_does_not_change_the_graph(converted: dict[str, Path]) -> None:
    data = converted["int8"].read_bytes()
    assert read_graph(data) == read_graph(split_model(data)[0])


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\x1c\0\0\0TFL3" + b"\xff" * 64], ids=["empty", "zeros", "random"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with raises(EdgeemoError, problem=r"x\.tflite is not a readable TFLite model"):
        read_graph(data, "x.tflite")


def test_a_float_model_is_not_full_int8(converted: dict[str, Path]) -> None:
    with raises(EdgeemoError, problem="not full int8$", expected="^no floating-point operator", got="7 CONV_2D"):
        verify_full_int8(converted["float32"].read_bytes())


def test_int8_inside_and_float_outside_is_not_full_int8() -> None:
    inputs = L.Input((8, 8, 1))
    model = keras.Model(inputs, L.Conv2D(4, 3)(inputs))
    concrete = tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 8, 1), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(0)
    converter.representative_dataset = lambda: ([rng.random((1, 8, 8, 1), np.float32)] for _ in range(9))
    with quiet_native():
        data = converter.convert()
    with raises(EdgeemoError, got="^1 QUANTIZE, 1 DEQUANTIZE"):
        verify_full_int8(data)
