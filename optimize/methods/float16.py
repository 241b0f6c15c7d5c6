"""Weights in float16, arithmetic in float32: half the bytes."""

from __future__ import annotations

from ...edge.tflite.graph import Graph
from ..graph.verify import edge_types, refuse, weights_of
from ..options import QuantizeOptions
from .method import Converted, Job, Method, engine


def convert(job: Job) -> Converted:
    """Convert with TensorFlow, or a .tflite with ai-edge-quantizer."""
    model = job.float_model
    if model.model is None:
        from ..converters.ai_edge import halve_weights

        return Converted(halve_weights(model.flatbuffer), engine("ai-edge-quantizer"))
    from ..converters.tensorflow import to_float16

    return Converted(to_float16(model.model, model.card.input), engine("tensorflow"))


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require float16 weights, float32 input and output."""
    halves = [t for operator in graph.operators for t in operator.inputs if t.constant and t.type == "FLOAT16"]
    whole = [tensor.name for _, tensor in weights_of(graph) if tensor.constant and tensor.type == "FLOAT32"]
    if not halves or whole or edge_types(graph) != {"FLOAT32"}:
        edges = ", ".join(sorted(edge_types(graph)))
        got = f"{len(halves)} tensors in float16, {len(whole)} weights in float32, {edges}"
        refuse("float16", "all weights in float16, float32 input and output", got)


method = Method("float16", title="float16", convert=convert, verify=verify, has_scales=False)
