"""Logits that are never negative, so that every kernel rounds them alike.

An int8 logit is a sum of products in 32 bits, scaled and rounded. Of a value that lies in the middle between two
integers the reference kernels of TFLite take the one farther from zero, and its fast kernels for ARM the upper one:
they differ where the value is negative, one time in a thousand. A softmax answers the same when all logits rise by the
same amount; so the classifier's biases rise by what brings the lowest int8 value down to zero, and the zero point
falls with them. What is below is cut off by all kernels alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...edge.tflite.flatbuffer import Buffer
from ...edge.tflite.graph import Graph, Operator, TensorInfo, read_graph

_LOWEST = -128


def shift_logits(data: bytes) -> bytes:
    """Shift the logits of the dense layers that end in a softmax.

    The bytes are changed in place and none is moved. All int8 logits stay what they are, but for the rounding.

    Args:
        data: a .tflite without a card, as it was converted.

    Returns:
        The same model; the same bytes where there is no int8 dense layer before a softmax, or its logits cannot be
        negative already.
    """
    graph = read_graph(data)
    found = [_Classifier(dense, data) for dense in _dense_before_softmax(graph)]
    changed = bytearray(data)
    for classifier in found:
        classifier.shift(changed)
    return bytes(changed)


def _dense_before_softmax(graph: Graph) -> Iterator[Operator]:
    for dense in graph.operators:
        if dense.name != "FULLY_CONNECTED" or len(dense.inputs) != 3 or dense.activation != "NONE":
            continue
        logits = dense.outputs[0]
        readers = [o.name for o in graph.operators if logits.index in {tensor.index for tensor in o.inputs}]
        given_out = logits.index in {tensor.index for tensor in graph.outputs}
        if readers == ["SOFTMAX"] and not given_out and [t.type for t in dense.inputs] == ["INT8", "INT8", "INT32"]:
            yield dense


@dataclass(frozen=True)
class _Classifier:
    """A dense layer in the bytes of its model."""

    dense: Operator
    data: bytes

    def shift(self, changed: bytearray) -> None:
        """Raise biases and lower the zero point, unless somebody else reads the same bytes."""
        (x, weights, bias), logits = self.dense.inputs, self.dense.outputs[0]
        if not bias.constant or len(x.scales) != 1 or len(logits.zero_points) != 1 or not weights.scales:
            return
        main = next(Buffer(self.data).root.tables(2))
        tensors, buffers = list(main.tables(0)), list(Buffer(self.data).root.tables(4))
        quantization = tensors[logits.index].table(4)
        biases = buffers[bias.buffer].vector(0)
        assert quantization is not None
        if not biases:
            # They stand behind the flatbuffer.
            return
        points = quantization.vector(3)
        others = [t.table(4) for at, t in enumerate(tensors) if at != logits.index]
        alone = [table.number(2, "I") for table in tensors].count(bias.buffer) == 1
        if not alone or any(table and table.vector(3) == points for table in others):
            return
        raised = self._raised(x, weights, bias, logits, biases)
        if raised is not None:
            changed[biases + 4 : biases + 4 + raised.nbytes] = raised.tobytes()
            struct.pack_into("<q", changed, points + 4, _LOWEST)

    def _raised(
        self, x: TensorInfo, weights: TensorInfo, bias: TensorInfo, logits: TensorInfo, place: int
    ) -> np.ndarray | None:
        """Return the biases, int32 (classes,); None where they need more than 32 bits."""
        old = np.frombuffer(self.data, "<i4", bias.bytes // 4, place + 4)
        step = np.float64(logits.scales[0]) / (np.float64(x.scales[0]) * np.asarray(weights.scales, np.float64))
        new = old + np.rint((logits.zero_points[0] - _LOWEST) * step)
        return new.astype("<i4") if np.abs(new).max() < 2**30 else None
