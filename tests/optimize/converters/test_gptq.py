"""Weights rounded together: the least error on real inputs, nothing else changed, what cannot be rounded left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.model.card import read_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import Operator, TensorInfo, read_graph
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.converters import gptq as module
from edgeemo.optimize.converters.activation_ranges import ActivationProbe
from edgeemo.optimize.converters.gptq import GptqRounding, patches, round_weights, rounded
from edgeemo.optimize.converters.tensorflow import to_float, to_static
from edgeemo.train.backend import keras, tf

from ...conftest import raises
from ...tools.command import run as edgeemo

SPEC = InputSpec(16, 16)
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def error(weights: np.ndarray, steps: np.ndarray, scales: np.ndarray, moments: np.ndarray) -> float:
    wrong = steps * scales[:, None] - weights
    return float(np.einsum("ij,jk,ik->", wrong, moments, wrong))


def test_of_unrelated_inputs_the_nearest_step_is_best() -> None:
    weights = np.random.default_rng(0).normal(size=(5, 9))
    scales = np.abs(weights).max(axis=1) / 127
    assert np.array_equal(rounded(weights, scales, np.eye(9)), np.rint(weights / scales[:, None]))
    assert np.array_equal(rounded(weights, scales, np.zeros((9, 9))), np.rint(weights / scales[:, None]))


@given(st.integers(0, 2**32 - 1), st.integers(2, 24), st.floats(0.5, 20))
@settings(max_examples=40, deadline=None)
def test_of_related_inputs_the_error_is_smaller_than_the_nearest_step_s(
    seed: int, products: int, common: float
) -> None:
    random = np.random.default_rng(seed)
    weights = random.normal(size=(40, products))
    scales = np.abs(weights).max(axis=1) / 127
    # Pixels are alike: a brightness that all of them share, and a little of their own.
    seen = common * random.normal(size=(400, 1)) + random.normal(size=(400, products))
    moments = seen.T @ seen
    steps = rounded(weights, scales, moments)
    assert np.abs(steps).max() <= 127
    nearest = np.rint(weights / scales[:, None])
    assert error(weights, steps, scales, moments) <= error(weights, nearest, scales, moments)


def test_nine_weights_come_near_the_best_of_all_roundings() -> None:
    random = np.random.default_rng(1)
    weights, scales = random.normal(size=(20, 9)), np.full(20, 0.05)
    seen = 5 + random.normal(size=(500, 9))
    moments = seen.T @ seen / 500
    ways = np.stack(np.meshgrid(*[[0, 1]] * 9), axis=-1).reshape(-1, 9)
    best = sum(
        min(error(row[None], (np.floor(row / 0.05) + way)[None], scales[:1], moments) for way in ways)
        for row in weights
    )
    found = error(weights, rounded(weights, scales, moments), scales, moments)
    nearest = error(weights, np.rint(weights / 0.05), scales, moments)
    assert found < 3 * best
    assert nearest > 4 * found


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(7, 3, 1), (8, 3, 2), (9, 3, 2), (8, 5, 3), (6, 1, 2), (6, 2, 1)]
)
def test_patches_times_weights_are_the_convolution(side: int, kernel: int, stride: int, padding: str) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(1, side, side + 1, 3)).astype(np.float32)
    weights = random.normal(size=(kernel, kernel, 3, 4)).astype(np.float32)
    expected = tf.nn.conv2d(values, weights, stride, padding.upper()).numpy()
    options = {"stride_h": stride, "stride_w": stride}
    filters = TensorInfo(1, "w", (4, kernel, kernel, 3), "INT8", True)
    out = TensorInfo(2, "y", expected.shape, "INT8", False)
    read = TensorInfo(0, "x", values.shape, "INT8", False)
    found = patches(values, Operator("CONV_2D", (read, filters), (out,), options=options))
    assert found @ weights.reshape(-1, 4) == pytest.approx(expected.reshape(-1, 4), abs=1e-4)
    each = tf.nn.depthwise_conv2d(values, weights[..., :1], [1, stride, stride, 1], padding.upper()).numpy()
    out = TensorInfo(2, "y", each.shape, "INT8", False)
    filters = TensorInfo(1, "w", (1, kernel, kernel, 3), "INT8", True)
    found = patches(values, Operator("DEPTHWISE_CONV_2D", (read, filters), (out,), options=options))
    assert np.einsum("nci,ic->nc", found, weights[..., 0].reshape(-1, 3)) == pytest.approx(
        each.reshape(-1, 3), abs=1e-4
    )


L = keras.layers


def network(*, dense: bool = False, depthwise: bool = True) -> Any:
    """Convolutions, a depthwise one among them, and a dense layer, untrained."""
    keras.utils.set_random_seed(3)
    face = x = L.Input(SPEC.shape)
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = (L.DepthwiseConv2D(3, padding="same") if depthwise else L.Conv2D(8, 3, padding="same"))(x)
    x = L.Conv2D(12, 1, activation="relu")(x)
    x = L.Flatten()(x) if dense else L.GlobalAveragePooling2D()(x)
    return keras.Model(face, L.Dense(7, activation="softmax")(x))


def faces(count: int) -> np.ndarray:
    """Light that changes slowly over the image, uint8 (count, 16, 16, 1)."""
    random = np.random.default_rng(count)
    rough = random.integers(0, 256, (count, 4, 4, 1)).astype(np.float32)
    return np.clip(tf.image.resize(rough, (16, 16)).numpy() + random.normal(0, 4, (count, 16, 16, 1)), 0, 255).astype(
        np.uint8
    )


def mean_error(data: bytes, reference: bytes, name: str) -> float:
    """Of what an operator writes, over faces that were not calibrated on."""
    quantized, exact = ActivationProbe(data), ActivationProbe(reference)
    wrong = []
    for pixels in faces(41):
        ours, theirs = (probe.run(pixels.astype(np.float32) / 255) for probe in (quantized, exact))
        wrong.append(np.abs(ours[name] - theirs[name]).mean())
    return float(np.mean(wrong))


#: Method -> how it converts.
STATIC: dict[str, dict[str, Any]] = {"int8": {}, "int8-float-io": {"float_io": True}, "int16x8": {"activations": 16}}


@pytest.mark.parametrize("method", STATIC)
@pytest.mark.parametrize("per_channel", [True, False])
def test_only_weights_change_and_each_layer_is_nearer_to_the_float_one(method: str, per_channel: bool) -> None:
    # TFLite's converter refuses depthwise convolutions of this kind in int16x8.
    model, calibration = network(depthwise=method != "int16x8"), faces(60)
    reference = to_float(model, SPEC)
    data = to_static(model, SPEC, calibration, per_channel=per_channel, **STATIC[method])
    found = round_weights(data, reference, SPEC, calibration)
    assert read_graph(found) == read_graph(data)
    before, after = (np.frombuffer(one, np.uint8).astype(int) for one in (data, found))
    changed = np.flatnonzero(before != after)
    assert len(before) == len(after)
    constants = [o.inputs[1] for o in read_graph(data).operators if o.name in WEIGHTED]
    assert 20 < len(changed) < sum(tensor.bytes for tensor in constants)
    if method == "int16x8":
        # Without rounding of the activations the weights' errors are all that there is.
        for operator in read_graph(data).operators:
            if operator.name in WEIGHTED:
                name = operator.outputs[0].name
                assert mean_error(found, reference, name) < mean_error(data, reference, name), name


def test_two_groups_do_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calibration = network(dense=True), faces(30)
    reference, data = to_float(model, SPEC), to_static(model, SPEC, calibration)
    whole = round_weights(data, reference, SPEC, calibration)
    assert whole != data
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    assert round_weights(data, reference, SPEC, calibration) == whole


def test_a_layer_with_too_many_products_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calibration = network(dense=True), faces(30)
    reference, data = to_float(model, SPEC), to_static(model, SPEC, calibration)
    dense = next(o.inputs[1] for o in read_graph(data).operators if o.name == "FULLY_CONNECTED")

    def stored(model: bytes) -> np.ndarray:
        from edgeemo.edge.tflite.flatbuffer import Buffer

        return np.frombuffer(bytes(list(Buffer(model).root.tables(4))[dense.buffer].raw(0)), np.int8)

    assert not np.array_equal(stored(round_weights(data, reference, SPEC, calibration)), stored(data))
    monkeypatch.setattr(module, "LARGEST", 100)
    found = round_weights(data, reference, SPEC, calibration)
    assert found != data
    assert np.array_equal(stored(found), stored(data))


def test_the_faces_are_looked_at_once_for_any_number_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calibration = network(dense=True), faces(30)
    reference = to_float(model, SPEC)
    data, wide = (to_static(model, SPEC, calibration, float_io=float_io) for float_io in (False, True))
    rounding = GptqRounding(reference, SPEC, calibration)
    first = rounding.apply(data)
    assert first == round_weights(data, reference, SPEC, calibration)

    def never(*arguments: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(module, "ActivationProbe", never)
    assert rounding.apply(data) == first
    # The sizes of its steps are the same: so are the steps.
    assert rounding.apply(wide) != wide
    # Nothing to round.
    assert rounding.apply(reference) == reference


def test_another_network_has_no_layer_in_common() -> None:
    model, calibration = network(), faces(30)
    data = to_static(model, SPEC, calibration)
    for layer in model.layers:
        layer.set_weights([weights + 0.5 for weights in layer.get_weights()])
    with raises(EdgeemoError, problem="no layer was found whose weights could be rounded"):
        round_weights(data, to_float(model, SPEC), SPEC, calibration)


def test_from_the_command_line_and_in_the_card(trained_run: Path, converted: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "rounded.tflite"
    words = ["quantize", str(trained_run), "--rounding", "gptq", "--out", str(out)]
    result = edgeemo(*words)
    assert result.exit_code == 0, result.output
    card, plain = read_card(out), read_card(converted["int8"])
    assert card is not None
    assert plain is not None
    assert (card.quantization.rounding, plain.quantization.rounding) == ("gptq", "")
    ours, theirs = (split_model(path.read_bytes())[0] for path in (out, converted["int8"]))
    assert ours != theirs


@pytest.mark.parametrize("method", ["float32", "float16", "dynamic", "qat"])
def test_methods_that_see_no_faces_say_so(trained_run: Path, tmp_path: Path, method: str) -> None:
    words = ["quantize", str(trained_run), "--rounding", "gptq", "--method", method]
    result = edgeemo(*words, "--out", str(tmp_path / "x.tflite"))
    assert result.exit_code == 2
    assert f"{method} does not look at faces" in result.stderr
    assert "expected --rounding gptq with int8, int8-float-io, int16x8" in result.stderr
    assert not (tmp_path / "x.tflite").exists()
