"""What the tests of the benchmark share: the command, two small models, and a record to vary."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edgeemo.benchmarks.host.monitor import Trace
from edgeemo.benchmarks.measure.latency import Ratio
from edgeemo.benchmarks.measure.profile import OperatorTime, Profile
from edgeemo.benchmarks.measure.stages import Stages
from edgeemo.benchmarks.record import BenchmarkRecord, DataAccuracy
from edgeemo.benchmarks.statistics.histogram import Histogram
from edgeemo.benchmarks.statistics.latency_trend import LatencyTrend
from edgeemo.edge.host.hardware import Device, DeviceState
from edgeemo.edge.vision.preprocess import InputSpec

from ..tools import command

MODELS = Path(__file__).parents[1] / "models"
INT8, FLOAT = MODELS / "tiny_int8.tflite", MODELS / "tiny_float.tflite"
#: Runs ``edgeemo benchmark`` with some words.
run = partial(command.run, "benchmark")

_SAMPLE = BenchmarkRecord(
    run="20260101T000000Z-abcdef",
    created="2026-01-01T00:00:00+00:00",
    edgeemo="0.1.0",
    name="model",
    file="model.tflite",
    sha256="00" * 32,
    bytes=301_106,
    quantization="int8",
    input_shape=(1, 48, 48, 1),
    input_dtype="int8",
    input_spec=InputSpec(48, 48),
    macs=22_109_744,
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    delegate="xnnpack",
    threads=1,
    import_ms=10.0,
    load_ms=2.0,
    first_ms=0.3,
    n=1280,
    warm_up=200,
    steady=True,
    mean_ms=0.2,
    p50_ms=0.159,
    p90_ms=0.166,
    p95_ms=0.2,
    p99_ms=3.05,
    bounds_ms={"p50": 0.16, "p90": 0.17},
    rounds_ms=(0.16, 0.158),
    ratio=Ratio("first", 0.25, 0.24, 0.27, 20),
    throughput=5000.0,
    base_rss_mb=69.0,
    peak_rss_mb=78.4,
    stages=Stages(0.03, 0.16, 0.002, (120, 120, 3)),
    accuracy=DataAccuracy(300, 500, "faces.zip", "test", "ab" * 32),
    device=Device(
        "Raspberry Pi 5", "Cortex-A76", 4, 8000, "aarch64", "Debian 12", "3.11.2", {"ai-edge-litert": "2.3.0"}
    ),
    before=DeviceState("ondemand", 2400000, 2400000, 50000, 0, (0.1, 0.1, 0.1)),
    after=DeviceState("ondemand", 2400000, 2400000, 52000, 0, (0.9, 0.3, 0.1)),
    rounds_at_s=(0.1, 0.2),
    histogram=Histogram((0.1, 0.2, 0.4), (1000, 270), 10),
    trend=LatencyTrend(0.1, 0.159, 0.163, 1.025, 1.01, 1.04),
    trace=Trace(
        seconds=(0.0, 1.0),
        governor=("ondemand", "ondemand"),
        clock_khz=(2400000, 2300000),
        max_khz=(2400000, 2400000),
        temperature_mc=(50000, 52000),
        throttled=(0, 0),
        load=(0.1, 0.9),
        power_w=(3.21, None),
    ),
)

PROFILE = Profile(
    created="2026-01-01T00:00:00+00:00",
    name="net",
    file="net.tflite",
    sha256="00" * 32,
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    delegate="xnnpack",
    threads=1,
    rounds=20,
    total_ms=0.1,
    operators=(
        OperatorTime("CONV_2D", (1, 24, 24, 8), 1_000_000, 0.08, 0.07, 0.09, True),
        OperatorTime("SOFTMAX", (1, 7), 0, -0.001, -0.002, 0.001, False),
    ),
    device=_SAMPLE.device,
)


def sample(**changes: Any) -> BenchmarkRecord:
    """A full record of a carded int8 model on a Pi, with some fields replaced."""
    return replace(_SAMPLE, **changes)
