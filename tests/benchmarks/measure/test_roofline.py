from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.benchmarks.measure.latency import Latency
from edgeemo.benchmarks.measure.roofline import MACS, Ceiling, ceiling_model
from edgeemo.benchmarks.options import BenchmarkOptions
from edgeemo.benchmarks.report.table import text_table
from edgeemo.benchmarks.suite import benchmark
from edgeemo.edge.inference.interpreter import installed_runtimes, load
from edgeemo.edge.tflite.graph import read_graph

pytest.importorskip("flatbuffers")

RUNTIMES = [name for name in installed_runtimes() if name != "tf.lite"]


def test_model_is_int8_products_and_nothing_else() -> None:
    graph = read_graph(ceiling_model())
    assert [operator.name for operator in graph.operators] == ["CONV_2D"] * 4
    assert {operator.inputs[1].shape for operator in graph.operators} == {(256, 1, 1, 256)}
    assert not graph.floating
    assert graph.macs == MACS == 4 * 144 * 256 * 256


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_model_computes_what_it_says(runtime: str, tmp_path: Path) -> None:
    path = tmp_path / "products.tflite"
    path.write_bytes(ceiling_model())
    graph, model = read_graph(path.read_bytes()), path.read_bytes()
    session = load(path, runtime=runtime)
    values = np.random.default_rng(1).integers(-128, 128, session.input.shape, np.int8)
    found = session.invoke(values).reshape(-1, 256)
    # By hand: the weights lie in the file as they were drawn.
    scales = [0.05, 0.0008]
    rows, draw = values.reshape(-1, 256).astype(np.int64), np.random.default_rng(0)
    for _ in graph.operators:
        kernel = draw.integers(-127, 128, (256, 1, 1, 256), np.int8)
        bias = draw.integers(-1000, 1000, 256, np.int32)
        assert kernel.tobytes() in model
        sums = rows @ kernel.reshape(256, 256).T.astype(np.int64) + bias
        rows = np.clip(np.rint(sums * scales[1]), -128, 127).astype(np.int64)
    # Each layer may round one step otherwise, which the next ones spread.
    assert np.abs(found - rows).max() <= 8
    assert np.abs(found - rows).mean() < 1
    # Answers that hit the ends would let a kernel off.
    assert np.mean(np.abs(found) < 127) > 0.8


def latency(milliseconds: float) -> Latency:
    return Latency(tuple(np.full(3, milliseconds) for _ in range(20)), 0, True)


def test_fraction_is_of_macs_a_second() -> None:
    # The products take 1 ms; a model with a tenth of their work takes a fifth of their time.
    found = Ceiling.of(latency(0.2), MACS // 10, latency(1.0))
    assert found.gmacs == pytest.approx(MACS / 1e6)
    assert (found.low, found.fraction, found.high) == pytest.approx((0.5, 0.5, 0.5), rel=1e-6)


@pytest.mark.flaky(reruns=2)
def test_benchmark_measures_ceiling_and_offline_throughput(tiny_int8: Path) -> None:
    (record,) = benchmark([tiny_int8], BenchmarkOptions(queries=20, ceiling=True, probe_options={"offline": True}))
    assert record.ceiling is not None
    assert record.offline is not None
    # A net of 0.2 M multiply-accumulates is far from what matrix products reach.
    assert 0 < record.ceiling.low <= record.ceiling.fraction <= record.ceiling.high < 1
    assert record.ceiling.gmacs > 0.1
    assert record.offline.low <= record.offline.per_s <= record.offline.high
    assert record.offline.batch in (1, 8, 32)
    table = text_table([record])
    assert "GMAC/s that int8 matrix products reach in" in table
    assert "images per second [" in table
