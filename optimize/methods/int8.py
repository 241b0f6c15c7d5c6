"""Full int8 after training: int8 in and out, no floating-point operator between them."""

from __future__ import annotations

from ...edge.tflite.graph import Graph
from ..graph.verify import verify_integer
from ..options import CALIBRATION_METHODS, QuantizeOptions
from .method import Converted, Job, Method
from .static import quantize_static


def convert(job: Job) -> Converted:
    """Convert with calibrated ranges."""
    return quantize_static(job)


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require that everything is int8."""
    verify_integer(graph, "INT8", "full int8")


method = Method(
    "int8",
    title="int8 PTQ",
    convert=convert,
    verify=verify,
    calibrated=True,
    calibration_methods=CALIBRATION_METHODS,
    mixed_precision=True,
    column=True,
)
