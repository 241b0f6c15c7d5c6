"""A quantization method of another package: every weight rounded to a multiple of 1/16, stored as float32."""

import numpy as np

from edgeemo.edge.tflite.flatbuffer import Buffer
from edgeemo.edge.tflite.graph import Graph, read_graph
from edgeemo.optimize.graph.verify import edge_types, refuse, weights_of
from edgeemo.optimize.methods import Converted, Job, Method
from edgeemo.optimize.options import QuantizeOptions


def convert(job: Job) -> Converted:
    """Round the weights of the float32 .tflite in place."""
    data = bytearray(job.float_model.float_flatbuffer())
    buffers = list(Buffer(bytes(data)).root.tables(4))
    for _, tensor in weights_of(read_graph(bytes(data))):
        place = buffers[tensor.buffer].vector(0) + 4
        weights = np.frombuffer(data, "<f4", tensor.bytes // 4, place)
        data[place : place + tensor.bytes] = (np.rint(weights * 16) / 16).astype("<f4").tobytes()
    return Converted(bytes(data), engine="toy 1.0")


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require that the model still takes and gives float32."""
    if edge_types(graph) != {"FLOAT32"}:
        refuse("toy", "float32 input and output", ", ".join(edge_types(graph)))


METHOD = Method("toy", title="toy", convert=convert, verify=verify, has_scales=False)
