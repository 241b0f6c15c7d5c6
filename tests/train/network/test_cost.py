"""Multiply-accumulates by layer, compared with those of the converted graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters.tensorflow import to_float
from edgeemo.train.architectures import build
from edgeemo.train.backend import keras
from edgeemo.train.network.cost import layer_costs

L = keras.layers
SPEC = InputSpec(8, 12, "rgb")


@pytest.mark.parametrize(
    ("make", "macs"),
    [
        (lambda: L.Conv2D(5, (5, 3), strides=2, padding="same"), 4 * 6 * 5 * 5 * 3 * 3),
        (lambda: L.Conv2D(4, 3, dilation_rate=2), 4 * 8 * 4 * 9 * 3),
        (lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), 4 * 6 * 6 * 9),
        (lambda: L.SeparableConv2D(5, 3, strides=2, padding="same"), 4 * 6 * 3 * (9 + 5)),
        (lambda: L.SeparableConv2D(5, 3, depth_multiplier=2), 6 * 10 * 6 * (9 + 5)),
        (lambda: L.Dense(5), 8 * 12 * 5 * 3),
        (lambda: L.MaxPooling2D(), 0),
    ],
    ids=["strided", "dilated", "depthwise", "separable", "separable times two", "dense", "pooling"],
)
def test_a_layer_costs_what_it_costs_converted(make: Callable[[], Any], macs: int) -> None:
    inputs = L.Input(SPEC.shape)
    model = keras.Model(inputs, make()(inputs))
    assert [layer.macs for layer in layer_costs(model)] == [macs]
    assert read_graph(to_float(model, SPEC)).macs == macs


def test_a_grouped_convolution_costs_a_share() -> None:
    inputs = L.Input((8, 12, 4))
    (cost,) = layer_costs(keras.Model(inputs, L.Conv2D(6, 3, padding="same", groups=2)(inputs)))
    assert cost.macs == 8 * 12 * 6 * 9 * 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("residual", {}),
        pytest.param("cnn38", {"filters": [4, 8, 8], "dense": [16, 8]}, marks=pytest.mark.slow),
        pytest.param("happy-sad", {"filters": [4, 4, 4], "dense": 8}, marks=pytest.mark.slow),
        pytest.param("kdef", {"filters": [4, 4, 4], "dense": [8, 8]}, marks=pytest.mark.slow),
    ],
)
def test_a_network_costs_what_it_costs_converted(name: str, options: dict[str, Any]) -> None:
    spec = InputSpec(32, 32)
    model = build(name, spec, 1, options=options)
    costs = layer_costs(model)
    assert sum(layer.macs for layer in costs) == read_graph(to_float(model, spec)).macs
    assert sum(layer.parameters for layer in costs) == model.count_params()


def test_a_layer_is_described() -> None:
    first = layer_costs(build("cnn3", InputSpec(48, 48), 7))[0]
    assert first.to_dict() == {
        "name": "conv1",
        "type": "Conv2D",
        "output": (48, 48, 32),
        "parameters": 288,
        "macs": 48 * 48 * 32 * 9,
    }
