"""What a .tflite may keep in floating point because its user asked for it, and what it keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from ..edge.common.errors import ModelError
from ..edge.tflite.graph import Operator, read_graph
from .graph.verify import WEIGHTED

#: Converters between the two worlds.
_BRIDGES = ("QUANTIZE", "DEQUANTIZE")


def require_only_skipped(data: bytes, skip: Collection[str]) -> Counter[str]:
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
    floating = [operator for operator in graph.operators if operator.floating and operator.name not in _BRIDGES]
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


def _owners(operator: Operator, skip: Collection[str], *, last: bool) -> list[str]:
    """The layers that an operator may be of, by the tensor that it writes, which the converter names after layers:
    ``net/layer/BiasAdd``, with tfmot's ``quant_`` where the output of the layer has a range. The model's output has a
    name of its own, so that there what is read tells."""
    names = " ".join(tensor.name for tensor in (operator.outputs if not last else operator.inputs))
    return [name for name in skip if re.search(rf"(^|[/; ])(quant_)?{re.escape(name)}[/; ]", f"{names} ")]
