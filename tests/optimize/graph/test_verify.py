"""Each method's graph is what it promises, and no other method's promise holds for it by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.optimize.graph.verify import verify_kept
from edgeemo.optimize.methods import METHODS
from edgeemo.optimize.options import QuantizeOptions

from ...conftest import raises


def verify(path: Path, method: str) -> None:
    METHODS.load(method).verify(read_graph(path.read_bytes()), QuantizeOptions())


@pytest.mark.parametrize("method", METHODS.names())
def test_the_graph_is_what_the_method_promises(converted: dict[str, Path], method: str) -> None:
    verify(converted[method], method)


@pytest.mark.parametrize(
    ("made", "promised", "problem", "expected", "got"),
    [
        ("int8", "float32", "not float32", "^float32 weights, input and output", "^INT8"),
        ("float32", "float16", "not float16", "", r"^0 tensors in float16, \d+ weights in float32"),
        ("float32", "dynamic", "not dynamic-range quantized", "", r"^(\d+) of \1 such weights in float"),
        ("dynamic", "int8", "not full int8", "^no floating-point operator", ""),
        ("int8-float-io", "int8", "not full int8", "", "^(1 QUANTIZE, 1 DEQUANTIZE|1 DEQUANTIZE, 1 QUANTIZE)"),
        ("int8", "int8-float-io", "not int8 with float input and output", "", "^INT8"),
        ("dynamic", "int8-float-io", "not int8 with float input and output", "", "CONV_2D"),
        ("int8", "int16x8", "not int16x8", "", "^INT8"),
        ("int16x8", "qat", "not full int8", "", "^INT16"),
    ],
)
def test_a_graph_of_another_method_is_refused(
    converted: dict[str, Path], made: str, promised: str, problem: str, expected: str, got: str
) -> None:
    with raises(EdgeemoError, problem=f"the converted model is {problem}$", expected=expected, got=got):
        verify(converted[made], promised)


def test_only_what_was_to_be_kept_may_be_float(converted: dict[str, Path]) -> None:
    verify_kept(converted["int8"].read_bytes(), ())
    with raises(EdgeemoError, problem="not int8 but for the operators to be kept"):
        verify_kept(converted["float32"].read_bytes(), ())
