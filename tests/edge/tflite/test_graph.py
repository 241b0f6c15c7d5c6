"""The reader of .tflite files: against the schema's own reader, and against files that lie."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inspection.edgetpu import parameter_bytes
from edgeemo.edge.inspection.xnnpack import xnnpack_fallbacks
from edgeemo.edge.model.zoo import ModelZoo
from edgeemo.edge.tflite.flatbuffer import Buffer
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.tflite.schema import OPERATORS, TYPES

from ...conftest import raises

TINY = Path(__file__).parents[2] / "models"
SHIPPED = ModelZoo.open()
FILES = [*sorted(TINY.glob("*.tflite")), *(SHIPPED.path(entry) for entry in SHIPPED.entries)]


def test_names_are_the_schema_s() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    for names, kind in ((OPERATORS, schema.BuiltinOperator), (TYPES, schema.TensorType)):
        numbers = {name: value for name, value in vars(kind).items() if isinstance(value, int)}
        assert dict(zip(names, range(len(names)), strict=True)).items() <= numbers.items()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_everything_is_read_as_the_schema_s_own_reader_does(path: Path) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    data = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(data), 0))
    main, graph = model.subgraphs[0], read_graph(data)
    assert [t.index for t in (*graph.inputs, *graph.outputs)] == [*main.inputs, *main.outputs]
    assert len(graph.operators) == len(main.operators)
    for ours, theirs in zip(graph.operators, main.operators, strict=True):
        code = model.operatorCodes[theirs.opcodeIndex]
        custom = code.builtinCode == schema.BuiltinOperator.CUSTOM
        assert ours.name == (code.customCode.decode() if custom else OPERATORS[code.builtinCode])
        assert ours.version == code.version
        if "activation" in ours.options:
            assert ours.options["activation"] == theirs.builtinOptions.fusedActivationFunction
        if "stride_h" in ours.options:
            assert ours.options["stride_h"] == theirs.builtinOptions.strideH
        assert [t.index for t in (*ours.inputs, *ours.outputs)] == [*theirs.inputs, *theirs.outputs]
        for tensor in (*ours.inputs, *ours.outputs):
            other = main.tensors[tensor.index]
            stored = model.buffers[other.buffer].data
            assert tensor.name == other.name.decode()
            assert list(tensor.shape) == list(other.shape)
            assert TYPES.index(tensor.type) == other.type
            assert tensor.bytes == (0 if stored is None else len(stored))
            scales = getattr(other.quantization, "scale", None)
            assert tensor.scales == pytest.approx([] if scales is None else list(scales))


def test_sizes_by_hand(tiny_int8: Path) -> None:
    graph = read_graph(tiny_int8.read_bytes())
    # Four 3x3 convolutions and a dense layer: int8 weights, int32 biases; and the shape of the flattening, two int32.
    weights = 9 * (1 * 8 + 8 * 12 + 12 * 16 + 16 * 16) + 144 * 7
    assert graph.constant_bytes == weights + 4 * (8 + 12 + 16 + 16 + 7) + 8
    assert parameter_bytes(graph) == graph.constant_bytes


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the mark TFL3 is missing"),
        (b"\0\0\0\0TFL3", "it has no graph|lies behind the end"),
        (struct.pack("<I4s", 0xFFFFFF00, b"TFL3") + bytes(64), "lies behind the end"),
        (struct.pack("<I4s", 8, b"TFL3") + struct.pack("<i", 0x7FFFFFFF) + bytes(64), "lies before the file"),
    ],
    ids=["empty", "no table", "root behind the end", "vtable before the file"],
)
def test_offsets_that_lead_out_of_the_file_are_refused(data: bytes, reason: str) -> None:
    with raises(EdgeemoError, problem=rf"x\.tflite is not a readable TFLite model \(.*({reason})"):
        read_graph(data, "x.tflite")


def test_vectors_that_claim_too_much_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit into the file"):
        Buffer(struct.pack("<I", 1 << 30) + bytes(64)).count(0, 4)
    buffer = Buffer(bytes(64))
    buffer.spend(64)
    with pytest.raises(ValueError, match="its parts overlap"):
        buffer.spend(1)


def test_a_damaged_file_is_read_or_refused_but_never_worse(tiny_int8: Path) -> None:
    whole, rng, refused = tiny_int8.read_bytes(), random.Random(1), 0
    for _ in range(400):
        data = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.choice((1, 4, 16))):
            if len(data) > 8:
                # Tables stand at both ends of the file, weights between them.
                place = rng.choice((rng.randrange(8, len(data)), min(len(data) - 1, 8 + rng.randrange(900))))
                data[place] = rng.choice((0, 1, 127, 128, 255))
        try:
            xnnpack_fallbacks(read_graph(bytes(data)))
        except EdgeemoError:
            refused += 1
    assert 40 < refused < 400
