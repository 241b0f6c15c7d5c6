"""No quantization: the reference that every other model is compared with."""

from __future__ import annotations

from ...edge.tflite.graph import Graph
from ..graph.verify import edge_types, refuse, weights_of
from ..options import QuantizeOptions
from .method import Converted, Job, Method, engine


def convert(job: Job) -> Converted:
    """Convert without quantization; a .tflite is taken as it is."""
    made = engine("tensorflow") if job.float_model.model is not None else ""
    return Converted(job.float_model.float_flatbuffer(), made)


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require float32 weights, input and output."""
    # Integers that are indices or shapes are no quantization.
    found = {tensor.type for _, tensor in weights_of(graph)} - {"FLOAT32"}
    if found or edge_types(graph) != {"FLOAT32"}:
        refuse("float32", "float32 weights, input and output", ", ".join(sorted(found | edge_types(graph))))


method = Method("float32", title="float32", convert=convert, verify=verify, has_scales=False, column=True)
