"""Prediction of the operators that XNNPACK runs, and why it leaves the others to the runtime's slower kernels.

The rules are those of LiteRT 2.3 (x86-64, its default delegate): found by loading models of one operator each, in
float32, float16, dynamic-range, int8, uint8 and int16x8, and looking which node was delegated; where that left a gap,
those of the delegate's documentation (tflite/delegates/xnnpack/README.md). Other versions differ: what the installed
runtime itself delegates is :func:`delegated_operators`.
"""

from __future__ import annotations

from pathlib import Path

from ..common.errors import RuntimeUnavailableError
from ..inference.interpreter import load, runtime_version
from ..tflite.graph import Graph, Operator

RULES = "LiteRT 2.3"

_QUANTIZED = frozenset(
    """
    ADD CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE FULLY_CONNECTED LEAKY_RELU LOGISTIC MAX_POOL_2D MEAN MUL
    PAD REDUCE_MAX RESHAPE RESIZE_BILINEAR SLICE SPACE_TO_DEPTH SPLIT STRIDED_SLICE SUB SUM TANH TRANSPOSE
    TRANSPOSE_CONV
    """.split()
)
_FLOAT = _QUANTIZED | frozenset(
    """
    ABS AVERAGE_POOL_2D BATCH_MATMUL CEIL DIV ELU EXP FLOOR GELU HARD_SWISH LOG MAXIMUM MINIMUM NEG PRELU RELU
    RELU_N1_TO_1 RELU6 ROUND RSQRT SOFTMAX SQRT SQUARE SQUARED_DIFFERENCE
    """.split()
)
_BYTES = ("INT8", "UINT8")
#: Position of the first input that holds values; the ones before are operands.
_FIRST = {"SPLIT": 1, "TRANSPOSE_CONV": 2}
_MOST = {"CONCATENATION": 5, "SPLIT": 4}


def xnnpack_fallbacks(graph: Graph) -> tuple[str, ...]:
    """Return why XNNPACK leaves each operator to the runtime; an empty string for those that it runs."""
    # Half-precision weights are stored, and turned into float32 before the first run.
    half = {
        operator.outputs[0].index
        for operator in graph.operators
        if operator.name == "DEQUANTIZE" and all(tensor.constant for tensor in operator.inputs)
    }
    reasons = [_reason(operator, half) for operator in graph.operators]
    used = {
        tensor.index
        for operator, reason in zip(graph.operators, reasons, strict=True)
        if not reason
        for tensor in operator.inputs
    }
    for position, operator in enumerate(graph.operators):
        if operator.outputs[0].index in half - used:
            reasons[position] = "feeds an operator that is left out"
    return tuple(reasons)


def delegated_operators(path: str | Path, *, runtime: str = "auto") -> tuple[str, frozenset[int]]:
    """Return the operators that an installed runtime hands to XNNPACK.

    Args:
        path: path of the model.
        runtime: as for :func:`edgeemo.edge.inference.interpreter.load`.

    Returns:
        Name and version of the runtime, and the positions of the operators that were delegated.

    Raises:
        RuntimeUnavailableError: the model cannot be loaded as a classifier, or the runtime does not report it.
    """
    session = load(path, runtime=runtime)
    delegated = session.delegated
    if delegated is None:
        raise RuntimeUnavailableError(f"{session.runtime} does not report what it delegates")
    return f"{session.runtime} {runtime_version(session.runtime)}".strip(), delegated


def _reason(operator: Operator, half: set[int]) -> str:
    if not operator.inputs:
        return "no input"
    first = operator.inputs[min(_FIRST.get(operator.name, 0), len(operator.inputs) - 1)].type
    last = operator.outputs[0].type
    if operator.name in ("QUANTIZE", "DEQUANTIZE"):
        return _conversion(operator.name, first, last)
    if first == last == "FLOAT32" and operator.name in _FLOAT:
        return _limits(operator, half)
    if first == last and first in _BYTES and operator.name in _QUANTIZED:
        return _limits(operator, half)
    if first == last == "INT8" and operator.name == "ELU":
        return ""
    return f"no kernel for {first.lower()}" if first == last else f"no kernel from {first.lower()} to {last.lower()}"


def _conversion(name: str, first: str, last: str) -> str:
    if name == "QUANTIZE":
        delegated_operators = last in _BYTES and first in ("FLOAT32", last)
    else:
        delegated_operators = last == "FLOAT32" and first in ("FLOAT16", *_BYTES)
    return "" if delegated_operators else f"no kernel from {first.lower()} to {last.lower()}"


def _limits(operator: Operator, half: set[int]) -> str:
    name, options = operator.name, operator.options
    if operator.activation in ("TANH", "SIGN_BIT"):
        return f"fused {operator.activation}"
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        if not all(tensor.constant or tensor.index in half for tensor in operator.inputs[1:]):
            return "weights that are computed"
        if name == "DEPTHWISE_CONV_2D" and operator.inputs[0].floating != operator.inputs[1].floating:
            return "dynamic-range weights"
    if name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        sides = options["filter_w"], options["filter_h"]
        if sides == (1, 1) and (options["stride_w"], options["stride_h"]) != (1, 1):
            return "1x1 pooling with a stride"
    if name == "RESHAPE" and len(operator.inputs) > 1 and not operator.inputs[1].constant:
        return "shape known only when it runs"
    parts = operator.outputs if name == "SPLIT" else operator.inputs
    if name in _MOST and len(parts) > _MOST[name]:
        return f"more than {_MOST[name]} parts"
    if name == "STRIDED_SLICE" and set(operator.inputs[-1].values) != {1}:
        return "strides other than 1"
    return ""
