"""Dynamic range: int8 weights, activations quantized on the fly."""

from __future__ import annotations

from math import prod

from ...edge.tflite.graph import Graph
from ..graph.verify import edge_types, refuse, weights_of
from ..options import QuantizeOptions
from .method import Converted, Job, Method, engine

#: The converter leaves smaller weights alone: there is nothing to gain.
SMALLEST = 1024


def convert(job: Job) -> Converted:
    """Convert with TensorFlow, or a .tflite with ai-edge-quantizer."""
    model, per_channel = job.float_model, job.options.per_channel
    if model.model is None:
        from ..converters.ai_edge import quantize_weights

        return Converted(quantize_weights(model.flatbuffer, per_channel=per_channel), engine("ai-edge-quantizer"))
    from ..converters.tensorflow import to_dynamic

    return Converted(to_dynamic(model.model, model.card.input, per_channel=per_channel), engine("tensorflow"))


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require int8 weights, float32 input and output."""
    large = [tensor for _, tensor in weights_of(graph) if tensor.constant and prod(tensor.shape) >= SMALLEST]
    left = [tensor.name for tensor in large if tensor.type != "INT8"]
    if not large or left or edge_types(graph) != {"FLOAT32"}:
        refuse(
            "dynamic-range quantized",
            f"int8 weights from {SMALLEST:,} values on, float32 input and output",
            f"{len(left)} of {len(large)} such weights in float, {', '.join(sorted(edge_types(graph)))} at the edges",
        )


method = Method("dynamic", title="dynamic", convert=convert, verify=verify)
