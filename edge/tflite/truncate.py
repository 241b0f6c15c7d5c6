"""The first operators of a model as a model of their own."""

from __future__ import annotations

import struct

from .container import split_model
from .flatbuffer import Buffer
from .graph import read_graph

#: Fields of a SubGraph in TFLite's schema.
_OUTPUTS, _OPERATORS = 2, 3


def truncate_model(model: bytes, count: int, where: str = "the model") -> bytes:
    """Return a .tflite cut behind one of its operators, whose output becomes that of the model.

    Two numbers in the file are changed: how many operators there are, and which tensor is the output. Nothing is moved,
    so that it is the same bytes that the runtime reads for the operators that are left.

    Args:
        model: bytes of a .tflite with one output, with or without a card.
        count: operators that are left, 1 or more.
        where: file name for messages.

    Raises:
        EdgeemoError: it is not a model, or damaged.
        ValueError: it has fewer operators, or not one output.
    """
    flatbuffer = split_model(model)[0]
    graph = read_graph(flatbuffer, where)
    if not 1 <= count <= len(graph.operators) or len(graph.outputs) != 1:
        raise ValueError(f"no prefix of {count} operators")
    main = next(Buffer(flatbuffer).root.tables(2))
    cut = bytearray(flatbuffer)
    struct.pack_into("<I", cut, main.vector(_OPERATORS), count)
    struct.pack_into("<i", cut, main.vector(_OUTPUTS) + 4, graph.operators[count - 1].outputs[0].index)
    return bytes(cut)
