"""Random small networks: rewriting keeps their outputs, and quantization-aware training accepts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="hypothesis comes with the dev extra")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeemo.optimize.qat.rewrite import rewrite
from edgeemo.optimize.qat.train import quantization_aware
from edgeemo.train.backend import keras

L = keras.layers
SHAPE = (10, 10, 2)


def gated(x: Any) -> Any:
    gate = L.Conv2D(x.shape[-1], 1, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
    return L.Multiply()([x, gate])


def nested(x: Any) -> Any:
    inner = [L.Input(x.shape[1:]), L.Conv2D(3, 1), L.BatchNormalization(), L.Dropout(0.5), L.ReLU()]
    return keras.Sequential(inner)(x)


def shared(x: Any) -> Any:
    """One layer in two places, one normalized."""
    layer = L.Conv2D(3, 3, padding="same")
    return L.Add()([L.BatchNormalization()(layer(x)), layer(x)])


#: What may stand between planes.
PLANES: dict[str, Callable[[Any], Any]] = {
    "add": lambda x: L.Add()([x, L.BatchNormalization()(x)]),
    "average pool": lambda x: L.AveragePooling2D(2, padding="same")(x),
    "bn": lambda x: L.BatchNormalization()(x),
    "concat": lambda x: L.Concatenate()([x, L.Conv2D(2, 3, padding="same")(x)]),
    "conv relu6": lambda x: L.Conv2D(3, 3, padding="same", activation="relu6")(x),
    "conv same": lambda x: L.Conv2D(3, 3, padding="same", use_bias=False)(x),
    "conv swish": lambda x: L.Conv2D(3, 1, activation="swish")(x),
    "conv strided": lambda x: L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x),
    "conv transposed": lambda x: L.Conv2DTranspose(3, 2)(x),
    "depthwise": lambda x: L.DepthwiseConv2D(2, depth_multiplier=2, padding="same")(x),
    "dropout": lambda x: L.SpatialDropout2D(0.5)(x),
    "gate": gated,
    "max pool": lambda x: L.MaxPooling2D(2, padding="same")(x),
    "nested": nested,
    "pad": lambda x: L.ZeroPadding2D(1)(x),
    "relu": lambda x: L.ReLU()(x),
    "rescale": lambda x: L.Rescaling(0.7, 0.2)(x),
    "scale": lambda x: L.Rescaling(-0.7)(x),
    "separable": lambda x: L.SeparableConv2D(3, 2, activation="relu")(L.ZeroPadding2D(1)(x)),
    "shared": shared,
}
#: And between vectors.
VECTORS: dict[str, Callable[[Any], Any]] = {
    "bn": lambda x: L.BatchNormalization()(x),
    "dense": lambda x: L.Dense(5)(x),
    "dense relu": lambda x: L.Dense(5, activation="relu")(x),
    "dropout": lambda x: L.Dropout(0.5)(x),
    "relu": lambda x: L.ReLU()(x),
    "two": lambda x: L.Add()([L.Dense(4)(x), L.Dense(4)(x)]),
}
# The same networks each time, and no haste: a shared machine may stop for a second.
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
DRAWN = {
    "planes": st.lists(st.sampled_from(sorted(PLANES)), max_size=7),
    "flat": st.booleans(),
    "vectors": st.lists(st.sampled_from(sorted(VECTORS)), max_size=4),
    "seed": st.integers(0, 2**16),
}


def net(planes: list[str], flat: bool, vectors: list[str]) -> Any:
    inputs = x = L.Input(SHAPE, name="face")
    for name in planes:
        x = PLANES[name](x)
    x = L.Flatten()(x) if flat else L.GlobalAveragePooling2D()(x)
    for name in vectors:
        x = VECTORS[name](x)
    return keras.Model(inputs, L.Dense(4, activation="softmax", name="emotion")(x), name="random")


def with_signs(model: Any, seed: int) -> Any:
    """Some scales of batch normalizations negative, as training may leave them."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "gamma" in variable.name:
            variable.assign(variable * rng.choice([-1, 1], variable.shape, p=[0.2, 0.8]))
    return model


def hold_equal(randomize: Any, faces: Any, planes: list[str], flat: bool, vectors: list[str], seed: int) -> None:
    model = with_signs(randomize(net(planes, flat, vectors), seed), seed)
    rewritten = rewrite(model).model
    left = {type(layer).__name__ for layer in rewritten.layers}
    inputs = faces(SHAPE, 4)
    assert not left & {"Dropout", "Rescaling", "Sequential", "SeparableConv2D", "SpatialDropout2D"}
    assert np.abs(rewritten(inputs, training=False) - model(inputs, training=False)).max() < 1e-5
    keras.backend.clear_session()


def hold_accepted(planes: list[str], flat: bool, vectors: list[str], seed: int) -> None:
    aware = quantization_aware(net(planes, flat, vectors))
    assert aware.output_shape == (None, 4)
    keras.backend.clear_session()


# A few of them every day; `make test-slow` draws many.
@settings(PATIENT, max_examples=8)
@given(**DRAWN)
def test_outputs_stay(randomize: Any, faces: Any, planes: list[str], flat: bool, vectors: list[str], seed: int) -> None:
    hold_equal(randomize, faces, planes, flat, vectors, seed)


@settings(PATIENT, max_examples=2)
@given(**DRAWN)
def test_training_accepts(planes: list[str], flat: bool, vectors: list[str], seed: int) -> None:
    hold_accepted(planes, flat, vectors, seed)


@pytest.mark.slow
@settings(PATIENT, max_examples=60)
@given(**DRAWN)
def test_outputs_of_many_stay(
    randomize: Any, faces: Any, planes: list[str], flat: bool, vectors: list[str], seed: int
) -> None:
    hold_equal(randomize, faces, planes, flat, vectors, seed)


@pytest.mark.slow
@settings(PATIENT, max_examples=15)
@given(**DRAWN)
def test_training_accepts_many(planes: list[str], flat: bool, vectors: list[str], seed: int) -> None:
    hold_accepted(planes, flat, vectors, seed)
