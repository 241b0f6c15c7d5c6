"""Latency of single queries. It is measured by the benchmark itself, with all models in turns."""

from __future__ import annotations

from collections.abc import Iterable

from ..record import BenchmarkRecord
from ..report.units import ABSENT, milliseconds
from ..statistics.percentiles import PERCENTILES, queries_needed
from .probe import Column, Probe, Records, Section, table_rows

#: Percentiles of the summary.
_SHOWN = (50, 90, 99)
_BOUNDS = (
    "In brackets LoadGen's early-stopping estimate: with 99 % confidence the percentile is at most that, if queries "
    "are independent."
)


def _percentile(which: int, *, bound: bool = False) -> Column:
    def cell(record: BenchmarkRecord) -> str:
        value = milliseconds(getattr(record, f"p{which}_ms"))
        limit = record.bounds_ms.get(f"p{which}") if bound else None
        return value if limit is None else f"{value} [{milliseconds(limit)}]"

    return Column(f"p{which} ms [bound]" if bound else f"p{which} ms", cell, optional=bound)


def _ratio(record: BenchmarkRecord) -> str:
    ratio = record.ratio
    return f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else ABSENT


def _sections(records: Records) -> Iterable[Section]:
    columns = [
        Column("queries", lambda record: f"{record.n:,}"),
        *(_percentile(which, bound=True) for which in PERCENTILES),
        Column("mean ms", lambda record: milliseconds(record.mean_ms)),
    ]
    yield Section("Percentiles", table_rows(records, columns), _BOUNDS)


def _notes(records: Records) -> Iterable[str]:
    for record in records:
        if ratio := record.ratio:
            yield f"ratio: latency over that of {ratio.to}, median [quartiles] of {ratio.rounds} rounds"
    for which in _SHOWN:
        short = [record.n for record in records if getattr(record, f"p{which}_ms") is None]
        if short:
            yield f"p{which} needs {queries_needed(which)} queries ({min(short)} were run): --queries"


PROBE = Probe(
    columns=(
        *(_percentile(which) for which in _SHOWN),
        Column("ratio", _ratio),
        Column("per s", lambda r: f"{r.throughput:,.0f}" if r.throughput >= 10 else f"{r.throughput:.2g}"),
    ),
    sections=_sections,
    notes=_notes,
)
