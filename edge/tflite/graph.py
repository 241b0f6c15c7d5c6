"""The graph of a .tflite: operators, shapes, types, quantization and multiply-accumulate counts.

Read from the flatbuffer itself, without a runtime: it works wherever Python does.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from math import prod

from ..common.errors import ModelError
from .container import TFLITE_MAGIC, split_model
from .flatbuffer import Buffer, Table
from .schema import ACTIVATIONS, OPERATORS, OPTIONS, TYPES

_FLOATS = ("FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16")
#: Integer constants up to this length are operands (axes, paddings, sizes), not weights.
_OPERAND = 16


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of the graph.

    Args:
        index: in the graph.
        name: name given by the converter.
        shape: sides, with the batch axis.
        type: TensorType of the schema (``INT8``).
        constant: whether the contents are stored in the file.
        bytes: size of these contents.
        buffer: number of the buffer that holds them; tensors may share one.
        scales, zero_points: affine quantization: one each, or one per channel along ``axis``; empty for none.
        values: the contents of a short int32 constant, such as the axes of a reduction.
        signature: the shape that was promised, -1 for a side that is free until the model is run.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    constant: bool
    bytes: int = 0
    buffer: int = 0
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    values: tuple[int, ...] = ()
    signature: tuple[int, ...] = ()

    @property
    def floating(self) -> bool:
        """Whether it holds floating-point values."""
        return self.type in _FLOATS


@dataclass(frozen=True)
class Operator:
    """One node of the graph, with MACs for one image (0 where an operator multiplies nothing).

    Args:
        name: BuiltinOperator of the schema, or the name of a custom operator.
        inputs, outputs: optional inputs that are absent are left out.
        version: version of the operator.
        options: those that :data:`edgeemo.edge.tflite.schema.OPTIONS` names.
    """

    name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    version: int = 1
    options: dict[str, int] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        """Multiply-accumulates: output elements times the products that each of them sums."""
        if self.name == "CONV_2D":
            return prod(self.outputs[0].shape) * prod(self.inputs[1].shape[1:])
        if self.name == "DEPTHWISE_CONV_2D":
            return prod(self.outputs[0].shape) * prod(self.inputs[1].shape[1:3])
        if self.name == "FULLY_CONNECTED":
            return prod(self.outputs[0].shape) * self.inputs[1].shape[-1]
        return 0

    @property
    def floating(self) -> bool:
        """Whether it reads or writes floating-point values."""
        return any(tensor.floating for tensor in (*self.inputs, *self.outputs))

    @property
    def constants(self) -> tuple[TensorInfo, ...]:
        """Inputs that are stored in the file: weights, biases and operands."""
        return tuple(tensor for tensor in self.inputs if tensor.constant)

    @property
    def activation(self) -> str:
        """The activation that is fused into it, ``NONE`` without one."""
        return ACTIVATIONS[self.options.get("activation", 0)]


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a model."""

    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one invoke."""
        return sum(operator.macs for operator in self.operators)

    @property
    def floating(self) -> Counter[str]:
        """Names and counts of the operators that touch floating point; empty for a full-int8 model."""
        return Counter(operator.name for operator in self.operators if operator.floating)

    @property
    def constant_bytes(self) -> int:
        """Size of all constants that operators use; a shared buffer counts once."""
        return sum({tensor.buffer: tensor.bytes for op in self.operators for tensor in op.constants}.values())


def read_graph(model: bytes, where: str = "the model") -> Graph:
    """Parse a .tflite.

    Args:
        model: the file's bytes, with or without a card.
        where: file name for messages.

    Raises:
        ModelError: it is no TFLite model, or it is cut or damaged.
    """
    data = split_model(model)[0]
    try:
        if data[4:8] != TFLITE_MAGIC:
            raise ValueError("the mark TFL3 is missing")
        return _graph(Buffer(data).root)
    except (ValueError, IndexError, struct.error) as error:
        raise ModelError(f"{where} is not a readable TFLite model ({error})", hint="convert it again") from error


def _graph(root: Table) -> Graph:
    codes = [_operator_code(code) for code in root.tables(1)]
    main = next(root.tables(2), None)
    if main is None:
        raise ValueError("it has no graph")
    buffers = list(root.tables(4))
    tensors = [_tensor(index, table, buffers) for index, table in enumerate(main.tables(0))]

    def chosen(indices: tuple[int, ...]) -> tuple[TensorInfo, ...]:
        # -1 stands for an optional input that is absent.
        return tuple(tensors[index] for index in indices if index != -1)

    if any(index < -1 for node in main.tables(3) for index in (*node.numbers(1), *node.numbers(2))):
        raise ValueError("an operator names a tensor that does not exist")
    operators = []
    for node in main.tables(3):
        name, version = codes[node.number(0, "I")]
        table = node.table(4)
        fields = OPTIONS.get(name, {})
        options = {key: table.number(*place) if table else place[2] for key, place in fields.items()}
        if not 0 <= options.get("activation", 0) < len(ACTIVATIONS):
            raise ValueError(f"unknown activation in {name}")
        operators.append(Operator(name, chosen(node.numbers(1)), chosen(node.numbers(2)), version, options))
    graph = Graph(tuple(operators), chosen(main.numbers(1)), chosen(main.numbers(2)))
    # Operators without the tensors that they need are found here, and not by whoever counts later.
    if graph.macs < 0 or not all(operator.outputs for operator in operators):
        raise ValueError("an operator has no output")
    return graph


def _operator_code(code: Table) -> tuple[str, int]:
    # Codes above 127 do not fit the old field; the larger of the two is right (schema.fbs, OperatorCode).
    number = max(code.number(3), code.number(0, "b"))
    if not 0 <= number < len(OPERATORS):
        raise ValueError(f"unknown operator {number}")
    name = OPERATORS[number]
    return (code.text(1) or name) if name == "CUSTOM" else name, code.number(2, default=1)


def _tensor(index: int, table: Table, buffers: list[Table]) -> TensorInfo:
    shape = table.numbers(0)
    if any(side < 0 for side in shape):
        raise ValueError(f"tensor {index} has a negative side")
    number = table.number(1, "b")
    if not 0 <= number < len(TYPES):
        raise ValueError(f"unknown tensor type {number}")
    buffer = table.number(2, "I")
    contents = buffers[buffer].raw(0) if buffers else memoryview(b"")
    # Models above 2 GB keep their constants behind the flatbuffer and store where (fields 1 and 2).
    size = len(contents) or (buffers[buffer].number(2, "Q") if buffers else 0)
    quantization = table.table(4)
    operand = TYPES[number] == "INT32" and len(contents) == 4 * prod(shape) <= 4 * _OPERAND
    return TensorInfo(
        index,
        table.text(3),
        shape,
        TYPES[number],
        size > 0,
        size,
        buffer,
        quantization.numbers(2, "f") if quantization else (),
        quantization.numbers(3, "q") if quantization else (),
        quantization.number(6) if quantization else 0,
        struct.unpack(f"<{len(contents) // 4}i", contents) if operand else (),
        # Absent where nothing is free.
        table.numbers(7) or shape,
    )
