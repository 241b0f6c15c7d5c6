"""Latency of a float model against its quantized one, from benchmark records (docs/benchmarks.md)."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...edge.common.errors import DataError, FileError
from ...edge.common.files import existing


@dataclass(frozen=True)
class Timing:
    """Two models that were measured in turns.

    Args:
        reference_ms, candidate_ms: median latency of the float and of the quantized model.
        ratio: median over the rounds of the quantized latency over the float one.
        where: runtime, threads and device.
        unreliable: whether something was in the way.
        older: whether a model's file has changed since, as a figure written into its card changes it.
    """

    reference_ms: float
    candidate_ms: float
    ratio: float
    where: str
    unreliable: bool
    older: bool


@dataclass(frozen=True)
class Subject:
    """A model that is looked for in records.

    Args:
        name: by its card.
        sha256: of its file.
        macs: of one inference.
    """

    name: str
    sha256: str
    macs: int


def read_records(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Lines of ``records.jsonl`` files.

    Raises:
        FileError: no such file, or a line that is not a benchmark record.
    """
    records = []
    for name in paths:
        path = existing(name, "benchmark records (.jsonl)")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{path} cannot be read ({error})", expected="benchmark records (.jsonl)") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                records.append(_record(line, f"{path}, line {number}"))
    return records


def find_timings(records: Sequence[Mapping[str, Any]], subjects: Mapping[str, Subject]) -> dict[str, Timing]:
    """For each quantized model, the latest benchmark run that has it and the float model.

    Args:
        records: see :func:`read_records`.
        subjects: method -> model, ``float32`` among them.

    Returns:
        method -> timing, of those that were measured beside the float model.
    """
    if "float32" not in subjects:
        return {}
    latest = sorted({str(record["run"]) for record in records}, reverse=True)
    timings = {}
    for method in subjects:
        wanted = subjects["float32"], subjects[method]
        for run in latest if method != "float32" else ():
            of_run = [record for record in records if record["run"] == run]
            one, two = (_match(of_run, subject) for subject in wanted)
            if one and two:
                pairs = zip((one, two), wanted, strict=True)
                timings[method] = _timing(one, two, older=any(r["sha256"] != s.sha256 for r, s in pairs))
                break
    return timings


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
        # Newer schemas only add fields: what is needed here is looked for by name.
        if not isinstance(value["schema"], int):
            raise ValueError(f"schema {value['schema']!r}")
        needed = ("run", "name", "sha256", "macs", "rounds_ms", "runtime", "runtime_version", "threads", "device")
        missing = [key for key in (*needed, "reasons", "mean_ms", "p50_ms") if key not in value]
        if missing or not isinstance(value["device"], dict):
            raise ValueError(f"{', '.join(missing) or 'device'} missing")
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{where} is not a benchmark record ({error})", expected="what edgeemo benchmark --out writes"
        ) from error
    return dict(value)


def _match(records: Sequence[Mapping[str, Any]], subject: Subject) -> Mapping[str, Any] | None:
    """By SHA-256; else by the card's name and the cost: writing a figure into a card makes another file of a model."""
    exact = [record for record in records if record["sha256"] == subject.sha256]
    alike = [record for record in records if (record["name"], record["macs"]) == (subject.name, subject.macs)]
    return next(iter(exact or alike), None)


def _timing(one: Mapping[str, Any], two: Mapping[str, Any], *, older: bool) -> Timing:
    # Both had a turn in each round, so that a slow minute hit both.
    pairs = list(zip(one["rounds_ms"], two["rounds_ms"], strict=False))
    ratios = [second / first for first, second in pairs if first > 0]
    if not ratios:
        raise DataError(f"the records of run {one['run']} have no rounds", hint="measure again: edgeemo benchmark")
    device = one["device"]
    place = f"{device.get('board') or device.get('cpu') or device.get('machine')}, {device.get('cores')} cores"
    threads = f"{one['threads']} thread" + ("s" if one["threads"] != 1 else "")
    return Timing(
        one["p50_ms"] or one["mean_ms"],
        two["p50_ms"] or two["mean_ms"],
        statistics.median(ratios),
        f"{one['runtime']} {one['runtime_version']}, {threads}, {place}",
        bool(one["reasons"] or two["reasons"]),
        older,
    )
