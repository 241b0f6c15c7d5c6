"""Sharing equal parts of a .tflite: fewer bytes, the same model to every reader, the same answers bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.optimize.graph import deduplicate as module
from edgeemo.optimize.graph.deduplicate import deduplicate
from edgeemo.optimize.graph.passes import run_passes
from edgeemo.optimize.graph.shift_logits import shift_logits
from edgeemo.optimize.methods import METHODS


def flatbuffer(path: Path) -> bytes:
    return split_model(path.read_bytes())[0]


def written_out(data: bytes) -> bytes:
    """The same model by the ordinary writer, which shares nothing."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    builder = flatbuffers.Builder(len(data))
    builder.Finish(schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)).Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def answers(data: bytes, count: int = 5) -> list[np.ndarray]:
    net = Interpreter(model_content=data)
    net.allocate_tensors()
    into, out = net.get_input_details()[0], net.get_output_details()[0]
    random, found = np.random.default_rng(3), []
    for _ in range(count):
        values = random.integers(-100, 100, into["shape"])
        net.set_tensor(into["index"], (values / 100 if into["dtype"] == np.float32 else values).astype(into["dtype"]))
        net.invoke()
        found.append(net.get_tensor(out["index"]))
    return found


@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_is_written_compact_and_answers_the_same(converted: dict[str, Path], method: str) -> None:
    data = flatbuffer(converted[method])
    assert deduplicate(data) == data
    long = written_out(data)
    assert len(data) < len(long)
    assert read_graph(data) == read_graph(long)
    assert all(np.array_equal(a, b) for a, b in zip(answers(data), answers(long), strict=True))


def test_what_is_shared_are_the_zero_points(converted: dict[str, Path]) -> None:
    operators = read_graph(flatbuffer(converted["int8"])).operators
    filters = sum(len(tensor.scales) for o in operators for tensor in o.inputs if len(tensor.scales) > 1)
    data = flatbuffer(converted["int8"])
    assert filters > 100
    assert len(written_out(data)) - len(data) > 0.7 * 8 * filters


def test_a_large_model_is_left_alone(tiny_int8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written_out(flatbuffer(tiny_int8))
    assert len(deduplicate(data)) < len(data)
    monkeypatch.setattr(module, "LARGEST", len(data) - 1)
    assert deduplicate(data) is data


def behind(data: bytes) -> bytes:
    """The same model with its constants behind the flatbuffer, as ai-edge-quantizer writes larger ones."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    contents = [None if buffer.data is None else bytes(buffer.data) for buffer in model.buffers]

    def packed(start: int) -> bytes:
        for buffer, content in zip(model.buffers, contents, strict=True):
            if content:
                buffer.data, buffer.offset, buffer.size = None, max(start, 2), len(content)
                start += -(-len(content) // 16) * 16
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    first = packed(2)
    start = -(-len(first) // 16) * 16
    whole = packed(start).ljust(start, b"\0")
    assert len(whole) == start
    for content in filter(None, contents):
        whole += content.ljust(-(-len(content) // 16) * 16, b"\0")
    return whole


def test_constants_behind_the_flatbuffer_stay_there(converted: dict[str, Path]) -> None:
    data = behind(flatbuffer(converted["int8"]))
    assert read_graph(data).operators[0].inputs[1].constant
    assert run_passes(data) == data
    expected = answers(flatbuffer(converted["int8"]))
    assert all(np.array_equal(a, b) for a, b in zip(answers(data), expected, strict=True))


def test_logits_behind_the_flatbuffer_are_left_alone(tiny_int8: Path) -> None:
    """Made before logits were lifted, so that there is something to lift."""
    data = flatbuffer(tiny_int8)
    assert shift_logits(data) != data
    assert shift_logits(behind(data)) == behind(data)
