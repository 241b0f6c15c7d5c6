"""What a .tflite may keep in floating point because its user asked for it, and what it keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from ..edge.errors import EdgeemoError
from ..edge.graph import Operator, read_graph

#: Converters between the two worlds.
_BRIDGES = ("QUANTIZE", "DEQUANTIZE")


def require_only_skipped(data: bytes, skip: Collection[str]) -> Counter[str]:
    """Hold a .tflite to the promise that nothing but some layers is in floating point.

    Args:
        data: the .tflite, converted from a model with fake quantisation.
        skip: the layers.

    Returns:
        Names and counts of the floating-point operators.

    Raises:
        EdgeemoError: another layer is. (Input and output are float32 where the first or the last layer is skipped.)
    """
    graph = read_graph(data)
    others = [operator.name for operator in graph.operators if operator.floating and not _belongs(operator, skip)]
    if others:
        raise EdgeemoError(
            "the converted model has more in floating point than what was left out",
            expected=f"floating-point operators in {', '.join(skip)} alone",
            got=", ".join(f"{count} {name}" for name, count in Counter(others).items()),
        )
    return graph.floating


def _belongs(operator: Operator, skip: Collection[str]) -> bool:
    """By its tensors, which the converter names after layers, ``net/layer/BiasAdd``, with tfmot's ``quant_`` where the
    output of the layer has a range."""
    if operator.name in _BRIDGES:
        return True
    names = " ".join(tensor.name for tensor in (*operator.inputs, *operator.outputs))
    return any(re.search(rf"(^|[/; ])(quant_)?{re.escape(name)}[/;\d ]", f"{names} ") for name in skip)
