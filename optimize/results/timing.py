"""Latency of a float model and its quantized ones, from benchmark records (docs/benchmarks.md)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...benchmarks.record import BenchmarkRecord
from ...benchmarks.record import read_records as read_file
from ...edge.common.errors import DataError
from .model import Model
from .system import REFERENCE, Timing


def read_records(paths: Sequence[str | Path]) -> list[BenchmarkRecord]:
    """Return the records of ``records.jsonl`` files.

    Raises:
        FileError: no such file, or a line that is not a benchmark record.
    """
    return [record for path in paths for record in read_file(path)]


def find_timings(records: Sequence[BenchmarkRecord], models: Mapping[str, Model]) -> dict[str, Timing]:
    """Return the latest benchmark run of each quantized model beside the float model.

    Args:
        records: see :func:`read_records`.
        models: method -> model.

    Returns:
        method -> timing, of those that were measured beside the float model.
    """
    if REFERENCE not in models:
        return {}
    latest = sorted({record.run for record in records}, reverse=True)
    timings = {}
    for method in models:
        wanted = models[REFERENCE], models[method]
        for run in latest if method != REFERENCE else ():
            of_run = [record for record in records if record.run == run]
            one, two = (_match(of_run, model) for model in wanted)
            if one and two:
                pairs = zip((one, two), wanted, strict=True)
                timings[method] = _timing(one, two, older=any(r.sha256 != m.sha256 for r, m in pairs))
                break
    return timings


def _match(records: Sequence[BenchmarkRecord], model: Model) -> BenchmarkRecord | None:
    """By SHA-256; else by the card's name and the cost: writing a figure into a card changes the file of a model."""
    exact = [record for record in records if record.sha256 == model.sha256]
    alike = [record for record in records if (record.name, record.macs) == (model.name, model.macs)]
    return next(iter(exact or alike), None)


def _timing(one: BenchmarkRecord, two: BenchmarkRecord, *, older: bool) -> Timing:
    # Both had a turn in each round, so that a slow minute hit both.
    pairs = list(zip(one.rounds_ms, two.rounds_ms, strict=False))
    ratios = [second / first for first, second in pairs if first > 0]
    if not ratios:
        raise DataError(f"the records of run {one.run} have no rounds", hint="measure again: edgeemo benchmark")
    threads = f"{one.threads} thread" + ("s" if one.threads != 1 else "")
    return Timing(
        one.p50_ms or one.mean_ms,
        two.p50_ms or two.mean_ms,
        statistics.median(ratios),
        f"{one.runtime} {one.runtime_version}, {threads}, {one.device}",
        one.unreliable or two.unreliable,
        older,
    )
