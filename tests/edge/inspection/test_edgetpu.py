"""What the Edge TPU compiler is predicted to do, one rule a row, and how its log is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeemo.edge.inspection.edgetpu import MAPPED, edgetpu_statuses, parameter_bytes
from edgeemo.edge.tflite.graph import Graph, Operator, TensorInfo

UNSUPPORTED_TYPE = "Operation is working on an unsupported data type"


def tensor(index: int, *shape: int, type: str = "INT8", **rest: Any) -> TensorInfo:
    return TensorInfo(index, f"t{index}", shape, type, **{"constant": False, **rest})


def weights(index: int, *shape: int, **rest: Any) -> TensorInfo:
    return tensor(index, *shape, **{"constant": True, "bytes": 100, "buffer": index, **rest})


def axes(*values: int) -> TensorInfo:
    return weights(9, len(values), type="INT32", values=values)


IMAGE, PLANES, VECTOR = tensor(0, 1, 8, 8, 3), tensor(1, 1, 8, 8, 16), tensor(1, 1, 16)
CONV = Operator("CONV_2D", (IMAGE, weights(8, 16, 3, 3, 3), weights(9, 16, type="INT32")), (PLANES,))


def one(name: str, *inputs: TensorInfo, out: TensorInfo = PLANES, **options: int) -> Operator:
    return Operator(name, inputs, (out,), options=options)


@pytest.mark.parametrize(
    ("operator", "status"),
    [
        (CONV, MAPPED),
        (replace(CONV, options={"dilation_w": 2, "dilation_h": 2}), MAPPED),
        (replace(CONV, options={"dilation_w": 2, "dilation_h": 1}), "Dilations differ"),
        (replace(CONV, inputs=(IMAGE, tensor(8, 1, 3, 3, 3))), "Weights are not constant"),
        (replace(CONV, inputs=(replace(IMAGE, type="FLOAT32"), *CONV.inputs[1:])), UNSUPPORTED_TYPE),
        (replace(CONV, inputs=(IMAGE, weights(8, 16, 3, 3, 3, type="FLOAT32"))), UNSUPPORTED_TYPE),
        (replace(CONV, inputs=(tensor(0, 2, 8, 8, 3), *CONV.inputs[1:])), "Tensor has unsupported rank"),
        (one("TILE", IMAGE), "Operation not supported"),
        (one("FULLY_CONNECTED", tensor(0, 1, 48), weights(8, 16, 48), out=VECTOR), MAPPED),
        (one("FULLY_CONNECTED", tensor(0, 4, 12), weights(8, 16, 12), out=tensor(1, 4, 16)), "not one-dimensional"),
        (one("SOFTMAX", tensor(0, 1, 7), out=tensor(1, 1, 7)), MAPPED),
        (one("SOFTMAX", tensor(0, 4, 7), out=tensor(1, 4, 7)), "not one-dimensional"),
        (one("MEAN", IMAGE, axes(1, 2)), MAPPED),
        (one("MEAN", IMAGE, axes(0, 1)), "Reduction over the batch"),
        (one("MEAN", IMAGE, axes(-1)), "no multiple of 4"),
        (one("MEAN", IMAGE, tensor(9, 2, type="INT8")), "Axes are not constant"),
        (one("CONCATENATION", IMAGE, IMAGE), MAPPED),
        (one("CONCATENATION", IMAGE, weights(8, 1, 8, 8, 3)), "constant operand"),
        (one("CONCATENATION", IMAGE, IMAGE, activation=1), "Fused activation"),
        (one("STRIDED_SLICE", IMAGE, axes(0), axes(8), axes(1), ellipsis_mask=0, new_axis_mask=0), MAPPED),
        (one("STRIDED_SLICE", IMAGE, axes(0), axes(8), axes(2), ellipsis_mask=0, new_axis_mask=0), "Strides"),
        (one("PRELU", IMAGE, weights(8, 1, 1, 3)), MAPPED),
        (one("PRELU", IMAGE, weights(8, 8, 8, 3)), "Alpha is not one-dimensional"),
    ],
    ids=lambda value: value.name if isinstance(value, Operator) else None,
)
def test_a_rule_for_each_operator(operator: Operator, status: str) -> None:
    assert status in edgetpu_statuses(Graph((operator,), (IMAGE,), operator.outputs))[0]


def test_what_depends_on_the_cpu_stays_there() -> None:
    chain = [
        one("QUANTIZE", tensor(0, 1, 8, type="FLOAT32"), out=tensor(1, 1, 8)),
        one("RELU", tensor(1, 1, 8), out=tensor(2, 1, 8)),
        one("TILE", tensor(2, 1, 8), out=tensor(3, 1, 8)),
        one("RELU", tensor(3, 1, 8), out=tensor(4, 1, 8)),
        one("RELU", tensor(2, 1, 8), out=tensor(5, 1, 8)),
    ]
    # Before the chip has begun, the CPU stops nothing; behind it, it stops what depends on it, and that alone.
    assert edgetpu_statuses(Graph(tuple(chain), (), ())) == (
        UNSUPPORTED_TYPE,
        MAPPED,
        "Operation not supported",
        "More than one subgraph is not supported",
        MAPPED,
    )


def test_parameters_are_those_of_mapped_operators_once() -> None:
    shared = replace(CONV, outputs=(tensor(2, 1, 8, 8, 16),))
    left = replace(CONV, inputs=(tensor(0, 2, 8, 8, 3), weights(10, 16, 3, 3, 3)))
    assert parameter_bytes(Graph((CONV, shared, left), (), ())) == 200
