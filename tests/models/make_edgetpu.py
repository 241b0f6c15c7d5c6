"""Make a model in the form that edgetpu_compiler gives: one operator that only the accelerator's delegate knows.

Run by a developer where ai-edge-litert is installed; the tests need its result only:

    python tests/models/make_edgetpu.py
"""

from __future__ import annotations

import copy
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from edgeemo.edge.common.files import write_bytes
from edgeemo.edge.tflite.container import split_model

HERE = Path(__file__).parent
OPERATOR = b"edgetpu-custom-op"


def compiled(flatbuffer: bytes) -> bytes:
    """The model with all of its operators replaced by one; input and output stay as they are."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(flatbuffer), 0))
    graph = model.subgraphs[0]
    ends = [copy.copy(graph.tensors[graph.inputs[0]]), copy.copy(graph.tensors[graph.outputs[0]])]
    for tensor in ends:
        tensor.buffer = 0
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = ends, [operator], [0], [1]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = OPERATOR, 1
    model.operatorCodes, model.buffers, model.metadata, model.signatureDefs = [code], [schema.BufferT()], [], []
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    write_bytes(HERE / "tiny_int8_edgetpu.tflite", compiled(split_model((HERE / "tiny_int8.tflite").read_bytes())[0]))
