"""Throughput of batches, MLPerf's offline scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from ..measure.throughput import measure_throughput
from ..record import BenchmarkRecord
from ..report.units import ABSENT
from .probe import COST, BenchmarkRun, Column, Probe, Records


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    return [{"offline": found} for found in measure_throughput([one.process for one in run.cases])]


def _per_second(record: BenchmarkRecord) -> str:
    found = record.offline
    return f"{found.per_s:,.0f} [{found.low:,.0f}, {found.high:,.0f}]" if found else ABSENT


def _details(records: Records) -> Iterable[str]:
    for record in records:
        if found := record.offline:
            grouping = f"in batches of {found.batch}" if found.batch > 1 else "one by one"
            yield f"{record.name}: offline {_per_second(record).replace(' [', ' images per second [')}, {grouping}"


PROBE = Probe(
    measure=_measure,
    columns=(
        Column("offline per s", _per_second, COST),
        Column("batch", lambda record: f"{record.offline.batch}" if record.offline else ABSENT, COST),
    ),
    details=_details,
    switch="offline",
    options=(click.Option(["--offline"], is_flag=True, help="Measure the throughput of batches as well."),),
)
