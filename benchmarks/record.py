"""The benchmark record: all figures of one model on one device, as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..edge.common.errors import DataError, FileError
from ..edge.common.files import existing, write_text
from ..edge.common.proportion import Accuracy
from ..edge.host.hardware import Device, DeviceState
from ..edge.vision.preprocess import InputSpec
from .host.monitor import Trace
from .instructions.count import Instructions
from .measure.latency import Ratio
from .measure.roofline import Ceiling
from .measure.stages import Stages
from .measure.throughput import Offline
from .statistics.histogram import Histogram
from .statistics.latency_trend import LatencyTrend

SCHEMA = 5
#: Schemas that can be read: newer ones only add fields that may be missing...
_READABLE = (1, 2, 3, 4, SCHEMA)
#: ...and schema 5 renamed some.
_RENAMED = {"drift": "trend", "tainted": "unreliable"}


@dataclass(frozen=True)
class DataAccuracy:
    """Top-1 accuracy on a named set of images.

    Args:
        correct, n: images that were right, and all.
        dataset: its name.
        split: of the data set.
        content_hash: of exactly the images that were used.
    """

    correct: int
    n: int
    dataset: str
    split: str
    content_hash: str

    @property
    def figure(self) -> Accuracy:
        """With its confidence interval."""
        return Accuracy(self.correct, self.n)


@dataclass(frozen=True)
class BenchmarkRecord:
    """One model in one runtime on one device. Times are milliseconds, memory is MiB.

    Args:
        run: identifier of the run; ratios hold within one.
        created: time of the measurement, UTC, ISO 8601.
        edgeemo: version of this package.
        name: name of the model, unique in a run.
        file, sha256, bytes: path, hash and size of the .tflite.
        quantization: method by the card, or the input's type when there is none.
        input_shape, input_dtype: of the input tensor, with the batch axis.
        input_spec: size, colors and normalization by the card, or None.
        macs: multiply-accumulates of one inference, or None when they cannot be counted.
        runtime, runtime_version, threads: what ran it.
        delegate: name of the one that was asked for; without one ``xnnpack`` when the runtime's own took at least one
            operator, ``none``, or empty when unknown.
        import_ms: import of the runtime.
        load_ms: file (in the page cache) to a model with tensors allocated, in a fresh process.
        first_ms: first inference after that.
        n: measured queries.
        warm_up: queries before them.
        steady: whether the warm-up became steady.
        mean_ms: mean latency.
        p50_ms ... p99_ms: None when there were too few queries; see :mod:`edgeemo.benchmarks.statistics.percentiles`.
        bounds_ms: percentile -> 99 % upper confidence bound, for those that were supported.
        rounds_ms: median of each round.
        ratio: to the first model of the run; None for the first itself.
        throughput: queries per second, one stream.
        base_rss_mb: peak memory of the process before the model was loaded.
        peak_rss_mb: and after all of its latency was measured.
        stages: of the way from a face crop to an emotion; None without a card.
        accuracy: None when no data set was given.
        device, before, after: where it ran, and in which state the device was around the measuring.
        reasons: why the figures are unreliable; empty when they are not.
        rounds_at_s: seconds from the beginning to the end of each round.
        histogram: of all measured latencies.
        trend: change of latency from the beginning of a sustained run to its end; None for other runs.
        trace: the state of the device every second in between.
        delegated: operators that the delegate runs, and all of the graph; None when the runtime does not report it.
        left_out: cases of the run that a delegate did not run, one sentence each.
        offline: throughput of batches; None when it was not asked for.
        ceiling: share in the runtime's fastest int8 matrix products; None when it was not asked for.
        notes: notes of the card for readers of the figures.
        instructions: executed on emulated processors; empty when they were not counted.
        metrics: name of a plug-in probe -> value that it measured, as JSON.

    Fields after ``reasons`` are missing in records of schema 1, fields after ``trace`` in those of schema 2.
    """

    run: str
    created: str
    edgeemo: str
    name: str
    file: str
    sha256: str
    bytes: int
    quantization: str
    input_shape: tuple[int, ...]
    input_dtype: str
    input_spec: InputSpec | None
    macs: int | None
    runtime: str
    runtime_version: str
    delegate: str
    threads: int
    import_ms: float
    load_ms: float
    first_ms: float
    n: int
    warm_up: int
    steady: bool
    mean_ms: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    bounds_ms: dict[str, float]
    rounds_ms: tuple[float, ...]
    ratio: Ratio | None
    throughput: float
    base_rss_mb: float
    peak_rss_mb: float
    stages: Stages | None
    accuracy: DataAccuracy | None
    device: Device
    before: DeviceState
    after: DeviceState
    reasons: tuple[str, ...] = ()
    rounds_at_s: tuple[float, ...] = ()
    histogram: Histogram | None = None
    trend: LatencyTrend | None = None
    trace: Trace | None = None
    delegated: tuple[int, int] | None = None
    left_out: tuple[str, ...] = ()
    offline: Offline | None = None
    ceiling: Ceiling | None = None
    notes: str = ""
    instructions: tuple[Instructions, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def unreliable(self) -> bool:
        """Whether the figures do not show what the device can do; see ``reasons``."""
        return bool(self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, with the schema number, ``unreliable`` and the accuracy's value and interval."""
        value = {"schema": SCHEMA, **asdict(self), "unreliable": self.unreliable}
        if self.accuracy:
            figure = self.accuracy.figure
            value["accuracy"] |= {"value": figure.value, "ci95": list(figure.interval)}
        return value

    def to_json(self) -> str:
        """Return one line, without the newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, value: Any, where: str = "the record") -> BenchmarkRecord:
        """Read what :meth:`to_dict` wrote.

        Args:
            value: parsed JSON.
            where: file and line for messages.

        Raises:
            DataError: no record, one of another schema, or one with missing or unknown fields.
        """
        if not isinstance(value, dict) or "schema" not in value:
            raise DataError(f"{where} is not a benchmark record", expected="an object with schema")
        if value.get("kind") == "profile":
            raise DataError(f"{where} is a profile", expected="a benchmark record", hint="give it with --profiles")
        if value["schema"] not in _READABLE:
            raise DataError(
                f"{where} has another format",
                expected=f"schema {SCHEMA}",
                got=str(value["schema"]),
                hint="measure again with this version of edgeemo",
            )
        renamed = (
            {_RENAMED.get(str(key), str(key)): item for key, item in value.items()}
            if value["schema"] < SCHEMA
            else value
        )
        entries = {key: item for key, item in renamed.items() if key not in ("schema", "unreliable")}
        try:
            for key, kind in _NESTED.items():
                if entries.get(key) is not None:
                    known = {entry.name for entry in fields(kind)}
                    derived = ("value", "ci95") if kind is DataAccuracy else ()
                    if unknown := sorted(set(entries[key]) - known - set(derived)):
                        raise TypeError(f"unknown in {key}: {', '.join(unknown)}")
                    entries[key] = kind(**_tuples({k: v for k, v in entries[key].items() if k in known}))
            counts = entries.get("instructions") or ()
            entries["instructions"] = tuple(Instructions(**count) for count in counts)
            return cls(**_tuples(entries))
        except (TypeError, KeyError) as error:
            reason = str(error).split("__init__() ")[-1]
            raise DataError(f"{where} is not a valid benchmark record ({reason})", hint="measure again") from error


#: Fields that hold a dataclass.
_NESTED: dict[str, type[Any]] = {
    "input_spec": InputSpec,
    "ratio": Ratio,
    "stages": Stages,
    "accuracy": DataAccuracy,
    "device": Device,
    "before": DeviceState,
    "after": DeviceState,
    "histogram": Histogram,
    "trend": LatencyTrend,
    "trace": Trace,
    "offline": Offline,
    "ceiling": Ceiling,
}


def write_records(path: str | Path, records: Iterable[BenchmarkRecord], *, append: bool = False) -> None:
    """Write records as JSON lines, atomically: a reader sees the old file or the whole new one.

    Args:
        path: file to write.
        records: records to write.
        append: keep the records that are in the file.

    Raises:
        EdgeemoError: the place cannot be written, or ``append`` to something that is not records.
    """
    path = Path(path)
    kept = read_records(path) if append and path.exists() else []
    write_text(path, "".join(record.to_json() + "\n" for record in [*kept, *records]))


def read_records(path: str | Path) -> list[BenchmarkRecord]:
    """Read JSON lines.

    Raises:
        EdgeemoError: no such file, or a line that is not a record.
    """
    path = existing(path, "benchmark records (.jsonl)")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read ({error})", expected="benchmark records (.jsonl)") from error
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                value = json.loads(line)
            except ValueError as error:
                raise DataError(f"{where} is not JSON ({error})", hint="remove the line") from error
            records.append(BenchmarkRecord.from_dict(value, where))
    return records


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return tuples in place of JSON's lists."""
    return {key: tuple(item) if isinstance(item, list) else item for key, item in values.items()}
