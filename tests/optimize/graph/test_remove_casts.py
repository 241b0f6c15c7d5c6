"""Bridges between int8 and float that are taken out: the models say the same without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inspection.report import Inspection
from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters.activation_ranges import observe_activations
from edgeemo.optimize.converters.ai_edge import SelectiveQuantizer
from edgeemo.optimize.converters.tensorflow import to_float, to_static
from edgeemo.optimize.graph.remove_casts import remove_casts
from edgeemo.optimize.graph.verify import verify_full_int8, verify_kept
from edgeemo.train.backend import keras, tf

L = keras.layers
SPEC = InputSpec(12, 12)
CARD = ModelCard("net", ("a", "b", "c"), SPEC)


@pytest.fixture(scope="module")
def pixels(faces: Any) -> np.ndarray:
    return np.rint(255 * faces(SPEC.shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def model(randomize: Any) -> Any:
    """ELU behind a convolution, read twice; ELU behind an addition."""
    inputs = L.Input(SPEC.shape, name="face")
    x = L.Conv2D(6, 3, strides=2, activation="elu", name="stem")(inputs)
    x = L.ELU(name="late")(L.Add(name="add")([x, L.Conv2D(6, 3, padding="same", name="conv")(x)]))
    x = L.Dense(3, activation="softmax", name="emotion")(L.GlobalAveragePooling2D(name="average")(x))
    return randomize(keras.Model(inputs, x, name="net"), 1)


@pytest.fixture(scope="module")
def bridged(model: Any, pixels: np.ndarray) -> bytes:
    """As the converter leaves it."""
    whole = tf.function(lambda face: model(face, training=False))
    concrete = whole.get_concrete_function(tf.TensorSpec((1, *SPEC.shape), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None].astype(np.float32) / 255] for image in pixels)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    data: bytes = converter.convert()
    return data


def test_elu_computes_in_int8_and_says_the_same(bridged: bytes, pixels: np.ndarray, tmp_path: Path) -> None:
    assert read_graph(bridged).floating["ELU"] == 2
    cut = remove_casts(bridged)
    verify_full_int8(cut)
    assert [operator.name for operator in read_graph(cut).operators].count("ELU") == 2
    assert len(cut) == len(bridged)
    expected, found = (Classifier.from_bytes(data, CARD).predict(pixels) for data in (bridged, cut))
    assert np.ptp(expected, axis=0).max() > 0.05
    # A step of the output, where a table rounds otherwise than two conversions.
    assert np.abs(found - expected).max() <= 1 / 256 + 1e-6
    (tmp_path / "cut.tflite").write_bytes(cut)
    assert not Inspection.of(tmp_path / "cut.tflite").surprises


@pytest.mark.parametrize("way", ["the converter", "ai-edge-quantizer"])
def test_a_net_with_elu_becomes_int8(way: str, model: Any, pixels: np.ndarray) -> None:
    if way == "the converter":
        data = to_static(model, SPEC, pixels)
    else:
        plain = to_float(model, SPEC)
        ranges = {name: seen.clip("minmax") for name, seen in observe_activations(plain, SPEC, pixels).items()}
        quantizer = SelectiveQuantizer(plain, ranges)
        data = quantizer.quantize()
        # Beside an operator that is kept in float, ELU stays there too.
        added = next(name for op, name in zip(quantizer.operators, quantizer.names, strict=True) if op.name == "ADD")
        verify_kept(quantizer.quantize(kept=[added]), [added])
    verify_full_int8(data)
    expected = np.asarray(model(pixels.astype(np.float32) / 255, training=False))
    assert np.abs(Classifier.from_bytes(data, CARD).predict(pixels) - expected).max() < 0.03


def test_what_has_no_bridges_stays_as_it_is(tiny_int8: Path) -> None:
    data = split_model(tiny_int8.read_bytes())[0]
    assert remove_casts(data) == data
