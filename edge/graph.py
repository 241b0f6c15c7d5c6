"""What is inside a .tflite: operators, shapes, types and multiply-accumulate counts, read from the flatbuffer."""

from __future__ import annotations

import importlib
import struct
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

from .card import split_model
from .errors import EdgeemoError

_FLOATS = ("FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16")


@dataclass(frozen=True)
class TensorInfo:
    """Shape, schema type (``INT8``) and whether the contents are constants stored in the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    constant: bool


@dataclass(frozen=True)
class Operator:
    """One node of the graph, with MACs for one picture (0 where an operator multiplies nothing)."""

    name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

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
        return any(tensor.type in _FLOATS for tensor in (*self.inputs, *self.outputs))


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


def readable() -> bool:
    """Whether the schema that is needed for reading is installed (it comes with LiteRT)."""
    return _schema() is not None


def read_graph(model: bytes, where: str = "the model") -> Graph:
    """Parse a .tflite.

    Args:
        model: the file's bytes, with or without a card.
        where: file name for messages.

    Raises:
        EdgeemoError: no schema is installed, or the flatbuffer is damaged.
    """
    schema = _schema()
    if schema is None:
        raise EdgeemoError(f"{where} cannot be taken apart without a schema", mend="pip install ai-edge-litert")
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    types = {value: key for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
    try:
        root = schema.Model.GetRootAs(split_model(model)[0], 0)
        main = root.Subgraphs(0)
        tensors = [_tensor(root, main.Tensors(index), types) for index in range(main.TensorsLength())]
        operators = []
        for index in range(main.OperatorsLength()):
            node = main.Operators(index)
            code = root.OperatorCodes(node.OpcodeIndex())
            # Codes above 127 do not fit the old field; the larger of the two is right (schema.fbs, OperatorCode).
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = code.CustomCode().decode() if names[number] == "CUSTOM" else names[number]
            inputs = tuple(tensors[i] for i in _integers(node.InputsAsNumpy()) if i >= 0)
            operators.append(Operator(name, inputs, tuple(tensors[i] for i in _integers(node.OutputsAsNumpy()))))
        return Graph(
            tuple(operators),
            tuple(tensors[i] for i in _integers(main.InputsAsNumpy())),
            tuple(tensors[i] for i in _integers(main.OutputsAsNumpy())),
        )
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise EdgeemoError(f"{where} is not a readable TFLite model ({error})", mend="convert it again") from error


def _tensor(root: Any, tensor: Any, types: dict[int, str]) -> TensorInfo:
    shape = tuple(_integers(tensor.ShapeAsNumpy()))
    constant = root.Buffers(tensor.Buffer()).DataLength() > 0
    return TensorInfo((tensor.Name() or b"").decode(), shape, types[tensor.Type()], constant)


def _integers(values: Any) -> list[int]:
    # The generated accessors give 0 instead of an array for an absent vector.
    return [] if isinstance(values, int) else [int(value) for value in values]


def _schema() -> Any:
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError:
        return None
