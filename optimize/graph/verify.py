"""What each method promises about the graph that it makes, held against the graph itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from math import prod
from typing import Any

from ...edge.common.errors import ModelError
from ...edge.tflite.graph import Graph, Operator, TensorInfo, read_graph

#: Operators that carry weights, and the place of the weights among their inputs.
WEIGHTED = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
#: The converter leaves smaller weights alone when it quantizes weights only: there is nothing to gain.
SMALLEST_DYNAMIC = 1024
_BORDER = ("QUANTIZE", "DEQUANTIZE")
_HINT = "the converter knows no integer form of these: put others in their place, or take --method dynamic or float16"


def verify_method(data: bytes, method: str) -> None:
    """Hold a .tflite against the method that made it.

    Args:
        data: the model.
        method: a post-training method, or ``qat``.

    Raises:
        EdgeemoError: the graph is not what the method promises.
    """
    _PROMISES[method](read_graph(data))


def verify_full_int8(data: bytes) -> None:
    """Look into a .tflite for floating point.

    Raises:
        EdgeemoError: an operator, the input or the output is not integer.
    """
    _full_int8(read_graph(data))


def verify_kept(data: bytes, kept: Collection[str]) -> None:
    """Hold a mixed-precision model against the operators that it was to keep in float.

    Args:
        data: the model.
        kept: the tensors that these operators write.

    Raises:
        EdgeemoError: another operator computes in float. An ELU beside one that is kept may: only between two that are
            int8 does it have an integer form.
    """
    floating = [o for o in read_graph(data).operators if o.floating and o.name not in _BORDER]
    spared = [o for o in floating if o.outputs[0].name in kept]
    beside = {tensor.index for o in spared for tensor in (*o.inputs, *o.outputs)}
    spared += [o for o in floating if o.name == "ELU" and beside & {o.inputs[0].index, o.outputs[0].index}]
    other = [o.outputs[0].name for o in floating if o not in spared]
    if other:
        _refuse("int8 but for the operators to be kept", f"{len(kept)} in float", "also " + ", ".join(other)[:200])


def verify_skipped(data: bytes, skip: Collection[str]) -> Counter[str]:
    """Hold a .tflite to the promise that some layers are in floating point, and nothing else is.

    Of layers that only move values, as pooling and reshaping, there may be nothing: the converter moves integers then.

    Args:
        data: the .tflite, converted from a model with fake quantization.
        skip: the layers.

    Returns:
        Names and counts of the floating-point operators.

    Raises:
        ModelError: another layer is, or the weights of one of them are not. (Input and output are float32 where the
            first or the last layer is skipped.)
    """
    graph = read_graph(data)
    ends = {tensor.index for tensor in graph.outputs}
    floating = [operator for operator in graph.operators if operator.floating and operator.name not in _BORDER]
    owners = [_owners(operator, skip, last=operator.outputs[0].index in ends) for operator in floating]
    others = [operator.name for operator, owner in zip(floating, owners, strict=True) if not owner]
    if others:
        raise ModelError(
            "the converted model has more in floating point than what was left out",
            expected=f"floating-point operators in {', '.join(skip)} alone",
            got=", ".join(f"{count} {name}" for name, count in Counter(others).items()),
        )
    weighted = [operator for operator in graph.operators if operator.name in WEIGHTED and not operator.floating]
    if gone := [name for operator in weighted for name in _owners(operator, skip, last=False)]:
        raise ModelError(f"the converter has quantized {', '.join(gone)}", expected="floating point, as was asked for")
    return graph.floating


def verify_granularity(data: bytes, *, per_channel: bool) -> None:
    """Count the scales of the convolutions' weights.

    Raises:
        ModelError: one scale for all channels where one for each was promised, or the other way round.
    """
    from ai_edge_litert.interpreter import Interpreter

    # One output channel has one scale either way.
    convolutions = {
        tensor.name
        for operator, tensor in _weights(read_graph(data))
        if "CONV" in operator.name and operator.outputs[0].shape[-1] > 1
    }
    details: list[dict[str, Any]] = Interpreter(model_content=data).get_tensor_details()
    counts = [len(t["quantization_parameters"]["scales"]) for t in details if t["name"] in convolutions]
    many = sum(count > 1 for count in counts)
    if many != (len(counts) if per_channel else 0):
        raise ModelError(
            "the scales of the converted weights are not what was asked for",
            expected="a scale for each output channel" if per_channel else "one scale for each tensor",
            got=f"{many} tensors with a scale for each channel, {len(counts) - many} with one",
        )


def _owners(operator: Operator, skip: Collection[str], *, last: bool) -> list[str]:
    """The layers that an operator may be of, by the tensor that it writes, which the converter names after layers:
    ``net/layer/BiasAdd``, with tfmot's ``quant_`` where the output of the layer has a range. The model's output has a
    name of its own, so that there what is read tells."""
    names = " ".join(tensor.name for tensor in (operator.outputs if not last else operator.inputs))
    return [name for name in skip if re.search(rf"(^|[/; ])(quant_)?{re.escape(name)}[/; ]", f"{names} ")]


def _weights(graph: Graph) -> list[tuple[Operator, TensorInfo]]:
    return [
        (operator, operator.inputs[WEIGHTED[operator.name]])
        for operator in graph.operators
        if operator.name in WEIGHTED and len(operator.inputs) > WEIGHTED[operator.name]
    ]


def _edges(graph: Graph) -> set[str]:
    return {tensor.type for tensor in (*graph.inputs, *graph.outputs)}


def _refuse(what: str, expected: str, got: str, hint: str | None = None) -> None:
    raise ModelError(f"the converted model is not {what}", expected=expected, got=got, hint=hint)


def _float32(graph: Graph) -> None:
    # Integers that are indices or shapes are no quantization.
    found = {tensor.type for _, tensor in _weights(graph)} - {"FLOAT32"}
    if found or _edges(graph) != {"FLOAT32"}:
        _refuse("float32", "float32 weights, input and output", ", ".join(sorted(found | _edges(graph))))


def _float16(graph: Graph) -> None:
    halves = [t for operator in graph.operators for t in operator.inputs if t.constant and t.type == "FLOAT16"]
    whole = [tensor.name for _, tensor in _weights(graph) if tensor.constant and tensor.type == "FLOAT32"]
    if not halves or whole or _edges(graph) != {"FLOAT32"}:
        got = f"{len(halves)} tensors in float16, {len(whole)} weights in float32, {', '.join(sorted(_edges(graph)))}"
        _refuse("float16", "all weights in float16, float32 input and output", got)


def _dynamic(graph: Graph) -> None:
    large = [tensor for _, tensor in _weights(graph) if tensor.constant and prod(tensor.shape) >= SMALLEST_DYNAMIC]
    left = [tensor.name for tensor in large if tensor.type != "INT8"]
    if not large or left or _edges(graph) != {"FLOAT32"}:
        _refuse(
            "dynamic-range quantized",
            f"int8 weights from {SMALLEST_DYNAMIC:,} values on, float32 input and output",
            f"{len(left)} of {len(large)} such weights in float, {', '.join(sorted(_edges(graph)))} at the edges",
        )


def _full_int8(graph: Graph) -> None:
    _integer(graph, "INT8", "full int8")


def _int16x8(graph: Graph) -> None:
    _integer(graph, "INT16", "int16x8")
    left = [tensor.type for _, tensor in _weights(graph) if tensor.type != "INT8"]
    if left:
        _refuse("int16x8", "int8 weights", ", ".join(sorted(set(left))))


def _integer(graph: Graph, kind: str, what: str) -> None:
    other = _edges(graph) - {kind}
    if graph.floating or other:
        left = ", ".join(f"{count} {name}" for name, count in graph.floating.items())
        _refuse(
            what,
            f"no floating-point operator, {kind.lower()} input and output",
            left or ", ".join(sorted(other)),
            _HINT if graph.floating else None,
        )


def _int8_float_io(graph: Graph) -> None:
    inside = {name: count for name, count in graph.floating.items() if name not in _BORDER}
    border = [graph.floating[name] for name in _BORDER]
    if inside or border != [1, 1] or _edges(graph) != {"FLOAT32"}:
        left = ", ".join(f"{count} {name}" for name, count in graph.floating.items())
        _refuse(
            "int8 with float input and output",
            "one QUANTIZE behind the input, one DEQUANTIZE before the output, int8 between them",
            left or ", ".join(sorted(_edges(graph))),
            _HINT if inside else None,
        )


_PROMISES: dict[str, Callable[[Graph], None]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _full_int8,
    "int8-float-io": _int8_float_io,
    "int16x8": _int16x8,
    "qat": _full_int8,
}
