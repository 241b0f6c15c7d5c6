"""The rules for XNNPACK against what LiteRT really delegates, in every kind of arithmetic that the converter makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.inference.interpreter import installed_runtimes
from edgeemo.edge.inspection.report import Inspection
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.train.backend import quiet_native, tf

pytestmark = [
    pytest.mark.skipif(installed_runtimes()[0] != "ai-edge-litert", reason="the rules are those of LiteRT"),
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected:UserWarning"),
]

RNG = np.random.default_rng(0)
SHAPE = (1, 8, 8, 4)


def weights(*shape: int) -> object:
    return tf.constant(RNG.normal(0, 0.3, shape).astype(np.float32))


def everything(image: object) -> object:
    """Operators that XNNPACK takes, or takes in float only, or within limits, or never, in one graph."""
    # More than 1,024 weights: below that dynamic-range quantization leaves them in float.
    planes = tf.nn.relu6(tf.nn.conv2d(image, weights(5, 5, 4, 16), 1, "SAME") + weights(16))
    planes = tf.nn.depthwise_conv2d(planes, weights(9, 9, 16, 1), (1, 1, 1, 1), "SAME") + weights(16)
    parts = [tf.nn.max_pool2d(planes, side, 1, "SAME") for side in (2, 3, 4)]
    planes = tf.concat([*parts, tf.nn.avg_pool2d(planes, 3, 1, "SAME")], -1)
    planes = tf.concat([planes, *(tf.nn.max_pool2d(image, side, 1, "SAME") for side in (2, 3, 4, 5, 6))], -1)
    planes = tf.nn.max_pool2d(planes * weights(84), 1, 2, "VALID")
    planes = tf.pad(planes, ((0, 0), (1, 1), (1, 1), (0, 0)))[:, ::2, ::2, :]
    planes = tf.sigmoid(planes) + tf.nn.elu(planes)
    vector = tf.concat([tf.reduce_mean(planes, (1, 2)), tf.reduce_max(planes, (1, 2))], -1)
    return tf.nn.softmax(tf.matmul(vector, weights(168, 7)) + weights(7))


def convert(kind: str) -> bytes:
    concrete = tf.function(everything).get_concrete_function(tf.TensorSpec(SHAPE, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], everything)

    def samples() -> Iterator[list[np.ndarray]]:
        for _ in range(4):
            yield [RNG.random(SHAPE, np.float32)]

    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "int16x8"):
        converter.representative_dataset = samples
    if kind == "int16x8":
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            ops.TFLITE_BUILTINS,
        ]
    with quiet_native():
        data: bytes = converter.convert()
    return data


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("float32", {"CONCATENATION", "MAX_POOL_2D", "STRIDED_SLICE"}),
        ("float16", {"CONCATENATION", "MAX_POOL_2D", "STRIDED_SLICE"}),
        ("dynamic", {"CONCATENATION", "MAX_POOL_2D", "STRIDED_SLICE", "DEPTHWISE_CONV_2D"}),
        ("int8", {"CONCATENATION", "MAX_POOL_2D", "STRIDED_SLICE", "AVERAGE_POOL_2D", "SOFTMAX"}),
        ("int16x8", None),
    ],
)
def test_the_runtime_delegates_what_the_rules_say(kind: str, left: set[str] | None, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.tflite"
    path.write_bytes(convert(kind))
    found = Inspection.of(path)
    assert found.delegated is not None, found.unchecked
    operators = read_graph(path.read_bytes()).operators
    assert [(operators[position].name, found.xnnpack[position]) for position in found.surprises] == []
    names = {operator.name for operator, reason in zip(operators, found.xnnpack, strict=True) if reason}
    if left is None:
        assert {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"} <= names
    else:
        assert names == left
