"""Casts between integer and floating point that a converter leaves in a .tflite and no runtime needs.

The bytes are changed in place and none is moved, so that constants keep their alignment and the file its layout.
"""

from __future__ import annotations

import struct
from collections import defaultdict

from ...edge.tflite.flatbuffer import Buffer
from ...edge.tflite.graph import Graph, Operator, read_graph

_INPUTS, _OUTPUTS = 1, 2


def remove_casts(data: bytes) -> bytes:
    """Remove the casts around operators that can compute in int8.

    - DEQUANTIZE, ELU, QUANTIZE become one ELU in int8: runtimes have it (a table of 256 values), only the converter and
      ai-edge-quantizer do not know.
    - CAST to float64 and CAST back become nothing: they are the
      :class:`~edgeemo.optimize.qat.rewrite.float_boundary.FloatBoundary` of quantization-aware training.

    Args:
        data: a .tflite, as it was converted.

    Returns:
        The same model without them; the same bytes where there are none.
    """
    cut = _Cut(data, read_graph(data))
    for position, operator in enumerate(cut.graph.operators):
        if operator.name == "ELU":
            cut.in_int8(position, operator)
        elif operator.name == "CAST":
            cut.straight(position, operator)
    return cut.result()


class _Cut:
    """Operators of a model, to be connected differently."""

    def __init__(self, data: bytes, graph: Graph) -> None:
        self.graph, self._data = graph, bytearray(data)
        main = next(Buffer(data).root.tables(2))
        self._list, self._tables = main.vector(3), list(main.tables(3))
        self._ends = {tensor.index for tensor in graph.outputs}
        self._writer = {tensor.index: at for at, op in enumerate(graph.operators) for tensor in op.outputs}
        self._readers: dict[int, list[int]] = defaultdict(list)
        for at, operator in enumerate(graph.operators):
            for tensor in operator.inputs:
                self._readers[tensor.index].append(at)
        self._dropped: set[int] = set()

    def in_int8(self, position: int, elu: Operator) -> None:
        """Make an ELU between DEQUANTIZE and QUANTIZE compute in int8."""
        ends, after = self._before(elu, "DEQUANTIZE"), self._behind(elu, "QUANTIZE")
        if ends is None or after is None:
            return
        first, last = self.graph.operators[ends].inputs[0], self.graph.operators[after].outputs[0]
        if first.type == last.type == "INT8":
            self._point(position, _INPUTS, elu.inputs[0].index, first.index)
            self._point(position, _OUTPUTS, elu.outputs[0].index, last.index)
            self._dropped.add(after)
            self._unread(ends, position)

    def straight(self, position: int, back: Operator) -> None:
        """Make the readers of a pair of casts read what is before it."""
        out = self._before(back, "CAST")
        if out is None or back.inputs[0].type != "FLOAT64" or back.outputs[0].index in self._ends:
            return
        source = self.graph.operators[out].inputs[0]
        if source.type == back.outputs[0].type == "FLOAT32":
            for reader in self._readers[back.outputs[0].index]:
                self._point(reader, _INPUTS, back.outputs[0].index, source.index)
            self._dropped.add(position)
            self._unread(out, position)

    def result(self) -> bytes:
        """Return the model without the operators that are no longer needed."""
        left = [table.position for at, table in enumerate(self._tables) if at not in self._dropped]
        if len(left) < len(self._tables):
            struct.pack_into("<I", self._data, self._list, len(left))
            for at, target in enumerate(left):
                place = self._list + 4 + 4 * at
                struct.pack_into("<I", self._data, place, target - place)
        return bytes(self._data)

    def _before(self, operator: Operator, name: str) -> int | None:
        at = self._writer.get(operator.inputs[0].index)
        return at if at is not None and self.graph.operators[at].name == name else None

    def _behind(self, operator: Operator, name: str) -> int | None:
        """Return the only reader of an operator's output; None with several, or where it is an output of the model."""
        tensor = operator.outputs[0].index
        readers = self._readers[tensor]
        alone = len(readers) == 1 and tensor not in self._ends
        return readers[0] if alone and self.graph.operators[readers[0]].name == name else None

    def _unread(self, position: int, reader: int) -> None:
        """Note that an operator has one reader less, and drop it when that was the last."""
        tensor = self.graph.operators[position].outputs[0].index
        self._readers[tensor].remove(reader)
        if not self._readers[tensor] and tensor not in self._ends:
            self._dropped.add(position)

    def _point(self, position: int, field: int, old: int, new: int) -> None:
        place = self._tables[position].vector(field) + 4
        for at, tensor in enumerate(self._tables[position].numbers(field)):
            if tensor == old:
                struct.pack_into("<i", self._data, place + 4 * at, new)
