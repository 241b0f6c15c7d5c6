"""Prediction of the operators that the Edge TPU compiler maps onto the accelerator.

A prediction, not a promise: the rules are the published ones (https://coral.ai/docs/edgetpu/models-intro/) and what
logs of edgetpu_compiler 14 to 16 show. A prototype that decides alike was right for 44 of the 49 public pairs of a
model and its compiled form on which it was tuned; the misses were RESIZE_BILINEAR and TILE.
"""

from __future__ import annotations

from math import prod

from ..tflite.graph import Graph, Operator

#: On-chip memory. The compiler needs some of it for itself; parameters that do not fit are streamed for every image.
CACHE_BYTES = 8 * 1024 * 1024
#: Words of the compiler's log.
MAPPED = "Mapped to Edge TPU"
_TYPE = "Operation is working on an unsupported data type"
_LATER = "More than one subgraph is not supported"
_UNKNOWN = "Operation not supported"
_RANK = "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"

_SUPPORTED = frozenset(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
    MAX_POOL_2D MAXIMUM MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1
    RELU_0_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
    """.split()
)
_ACTIVATIONS = ("INT8", "UINT8")
_CONSTANTS = ("INT8", "UINT8", "INT16", "INT32")
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_SOFTMAX = 16_000
_STREAMED = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def edgetpu_statuses(graph: Graph) -> tuple[str, ...]:
    """Return the predicted status of each operator in the compiler's log; :data:`MAPPED` for those on the chip.

    Without further options the compiler makes one piece for the chip: behind the first operator that is left to the CPU
    after the chip has begun, everything that depends on it is left to the CPU too.
    """
    on_chip: set[int] = set()
    left: set[int] = set()
    result = []
    for operator in graph.operators:
        inputs = {tensor.index for tensor in operator.inputs}
        outputs = {tensor.index for tensor in operator.outputs}
        status = _refusal(operator) or (_LATER if inputs & left else MAPPED)
        if status == MAPPED:
            on_chip |= outputs
        elif inputs & (on_chip | left):
            left |= outputs
        result.append(status)
    return tuple(result)


def parameter_bytes(graph: Graph) -> int:
    """Return the bytes of the constants of operators predicted to be mapped; shared ones count once."""
    found = zip(graph.operators, edgetpu_statuses(graph), strict=True)
    return sum({t.buffer: t.bytes for op, status in found if status == MAPPED for t in op.constants}.values())


def _refusal(operator: Operator) -> str:
    """Why the operator itself cannot be mapped; empty when it can."""
    for tensor in (*operator.inputs, *operator.outputs):
        allowed = _CONSTANTS if tensor.constant else _ACTIVATIONS
        if operator.name == _STREAMED:
            allowed = _CONSTANTS
        if tensor.type not in allowed:
            return _TYPE
        if not tensor.constant and 0 in tensor.shape:
            return "Tensor has a dynamic size"
        if not tensor.constant and any(side != 1 for side in tensor.shape[:-3]):
            return _RANK
    if operator.name not in _SUPPORTED or not operator.inputs:
        return _UNKNOWN
    return _limit(operator)


def _limit(operator: Operator) -> str:
    name, inputs, options = operator.name, operator.inputs, operator.options
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        # A fully connected layer may compute its bias, a convolution may not.
        if not all(tensor.constant for tensor in (inputs[1:2] if name == "FULLY_CONNECTED" else inputs[1:])):
            return "Weights are not constant"
        if options.get("dilation_w", 1) != options.get("dilation_h", 1):
            return "Dilations differ"
    if name in ("FULLY_CONNECTED", "SOFTMAX"):
        shape = (operator.outputs if name == "FULLY_CONNECTED" else inputs)[0].shape
        if not shape or prod(shape) != shape[-1] or (name == "SOFTMAX" and shape[-1] > _SOFTMAX):
            return "Tensor is not one-dimensional, or too long"
    if name == "CONCATENATION" and (operator.activation != "NONE" or operator.constants):
        return "Fused activation or constant operand"
    if name in _REDUCTIONS:
        return _reduction(operator)
    if name == "RESHAPE" and len(inputs) > 1 and not inputs[1].constant:
        return "Tensor has a dynamic size"
    if name == "STRIDED_SLICE" and (
        set(inputs[-1].values) != {1} or options["ellipsis_mask"] or options["new_axis_mask"]
    ):
        return "Strides other than 1"
    if name == "PRELU" and prod(inputs[-1].shape) != max(inputs[-1].shape, default=1):
        return "Alpha is not one-dimensional"
    return ""


def _reduction(operator: Operator) -> str:
    values, axes = operator.inputs[0], operator.inputs[-1]
    rank = len(values.shape)
    if not axes.values or not rank:
        return "Axes are not constant"
    reduced = {axis % rank for axis in axes.values}
    if rank == 4 and 0 in reduced:
        return "Reduction over the batch"
    if operator.name == "MEAN" and rank - 1 in reduced and values.shape[-1] % 4:
        return "Reduction over channels that are no multiple of 4"
    return ""
