"""Int8 with float32 input and output, for programs that feed floats."""

from __future__ import annotations

from ...edge.tflite.graph import Graph
from ..graph.verify import BORDER, NO_INTEGER_FORM, edge_types, refuse
from ..options import CALIBRATION_METHODS, QuantizeOptions
from .method import Converted, Job, Method
from .static import quantize_static


def convert(job: Job) -> Converted:
    """Convert with calibrated ranges."""
    return quantize_static(job, float_io=True)


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require one QUANTIZE, one DEQUANTIZE, and int8 between them."""
    inside = {name: count for name, count in graph.floating.items() if name not in BORDER}
    border = [graph.floating[name] for name in BORDER]
    if inside or border != [1, 1] or edge_types(graph) != {"FLOAT32"}:
        left = ", ".join(f"{count} {name}" for name, count in graph.floating.items())
        refuse(
            "int8 with float input and output",
            "one QUANTIZE behind the input, one DEQUANTIZE before the output, int8 between them",
            left or ", ".join(sorted(edge_types(graph))),
            NO_INTEGER_FORM if inside else None,
        )


method = Method(
    "int8-float-io",
    title="int8-float-io",
    convert=convert,
    verify=verify,
    calibrated=True,
    calibration_methods=CALIBRATION_METHODS,
    mixed_precision=True,
    float_io=True,
)
