"""Checks of a converted graph: its types, its scales, and what it may keep in floating point."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any, NoReturn

from ...edge.common.errors import ModelError
from ...edge.tflite.graph import Graph, Operator, TensorInfo, read_graph

#: Operators that carry weights, and the place of the weights among their inputs.
WEIGHTED = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
#: Operators between integers and floating point.
BORDER = ("QUANTIZE", "DEQUANTIZE")
NO_INTEGER_FORM = (
    "the converter knows no integer form of these: put others in their place, or take --method dynamic or float16"
)


def verify_full_int8(data: bytes) -> None:
    """Require that a .tflite is int8 throughout.

    Raises:
        ModelError: an operator, the input or the output is not int8.
    """
    verify_integer(read_graph(data), "INT8", "full int8")


def verify_integer(graph: Graph, kind: str, what: str) -> None:
    """Require that a graph has no floating-point operator.

    Args:
        graph: graph of the converted model.
        kind: type of input and output, such as ``INT8``.
        what: name for the message.

    Raises:
        ModelError: an operator is in floating point, or input or output have another type.
    """
    other = edge_types(graph) - {kind}
    if graph.floating or other:
        left = ", ".join(f"{count} {name}" for name, count in graph.floating.items())
        refuse(
            what,
            f"no floating-point operator, {kind.lower()} input and output",
            left or ", ".join(sorted(other)),
            NO_INTEGER_FORM if graph.floating else None,
        )


def verify_kept(data: bytes, kept: Collection[str]) -> None:
    """Require that only some operators of a mixed-precision model are in float.

    Args:
        data: the .tflite.
        kept: tensors that these operators write.

    Raises:
        ModelError: another operator computes in float. An ELU beside one that is kept may: only between two that are
            int8 does it have an integer form.
    """
    floating = [o for o in read_graph(data).operators if o.floating and o.name not in BORDER]
    expected = [o for o in floating if o.outputs[0].name in kept]
    beside = {tensor.index for o in expected for tensor in (*o.inputs, *o.outputs)}
    expected += [o for o in floating if o.name == "ELU" and beside & {o.inputs[0].index, o.outputs[0].index}]
    other = [o.outputs[0].name for o in floating if o not in expected]
    if other:
        refuse("int8 but for the operators to be kept", f"{len(kept)} in float", "also " + ", ".join(other)[:200])


def verify_skipped(graph: Graph, skip: Collection[str]) -> Counter[str]:
    """Require that some layers are in floating point, and nothing else is.

    Of layers that only move values, as pooling and reshaping, there may be nothing: the converter moves integers then.

    Args:
        graph: graph converted from a model with fake quantization.
        skip: the layers.

    Returns:
        Names and counts of the floating-point operators.

    Raises:
        ModelError: another layer is, or the weights of one of them are not. (Input and output are float32 where the
            first or the last layer is skipped.)
    """
    ends = {tensor.index for tensor in graph.outputs}
    floating = [operator for operator in graph.operators if operator.floating and operator.name not in BORDER]
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
    """Require a scale for each output channel of the convolutions' weights, or one for each tensor.

    Raises:
        ModelError: one scale for all channels where one for each was asked for, or the other way round.
    """
    from ai_edge_litert.interpreter import Interpreter

    # One output channel has one scale either way.
    convolutions = {
        tensor.name
        for operator, tensor in weights_of(read_graph(data))
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
    """Return the layers that an operator may belong to, by the tensor that it writes, which is named after layers:
    ``net/layer/BiasAdd``, with tfmot's ``quant_`` where the output of the layer has a range. The model's output has a
    name of its own, so there the tensors that are read are looked at.
    """
    names = " ".join(tensor.name for tensor in (operator.outputs if not last else operator.inputs))
    return [name for name in skip if re.search(rf"(^|[/; ])(quant_)?{re.escape(name)}[/; ]", f"{names} ")]


def weights_of(graph: Graph) -> list[tuple[Operator, TensorInfo]]:
    """Return the operators that carry weights, each with its weights."""
    return [
        (operator, operator.inputs[WEIGHTED[operator.name]])
        for operator in graph.operators
        if operator.name in WEIGHTED and len(operator.inputs) > WEIGHTED[operator.name]
    ]


def edge_types(graph: Graph) -> set[str]:
    """Return the types of inputs and outputs."""
    return {tensor.type for tensor in (*graph.inputs, *graph.outputs)}


def refuse(what: str, expected: str, got: str, hint: str | None = None) -> NoReturn:
    """Raise that a converted model is not what its method promises.

    Raises:
        ModelError: always.
    """
    raise ModelError(f"the converted model is not {what}", expected=expected, got=got, hint=hint)
