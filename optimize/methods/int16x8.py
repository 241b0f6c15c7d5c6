"""Int16 activations and int8 weights: the accuracy of float in integers, on unoptimized kernels."""

from __future__ import annotations

from ...edge.tflite.graph import Graph
from ..graph.verify import refuse, verify_integer, weights_of
from ..options import QuantizeOptions
from .method import Converted, Job, Method
from .static import quantize_static


def convert(job: Job) -> Converted:
    """Convert with calibrated ranges."""
    return quantize_static(job, activations=16)


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require int16 activations and int8 weights."""
    verify_integer(graph, "INT16", "int16x8")
    left = [tensor.type for _, tensor in weights_of(graph) if tensor.type != "INT8"]
    if left:
        refuse("int16x8", "int8 weights", ", ".join(sorted(set(left))))


method = Method("int16x8", title="int16x8", convert=convert, verify=verify, calibrated=True, slow=True)
