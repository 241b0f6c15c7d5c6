"""Change of latency over a sustained run; the benchmark itself computes it from the rounds."""

from __future__ import annotations

from collections.abc import Iterable

from ..report.units import ABSENT, milliseconds
from .probe import Column, Probe, Records, Section, table_rows

_COLUMNS = (
    Column("minutes", lambda r: f"{r.trend.minutes:.1f}" if r.trend else ABSENT),
    Column("first fifth ms", lambda r: milliseconds(r.trend.first_ms if r.trend else None)),
    Column("last fifth ms", lambda r: milliseconds(r.trend.last_ms if r.trend else None)),
    Column("last over first", lambda r: f"{r.trend.ratio:.3f}" if r.trend else ABSENT),
    Column("99 % interval", lambda r: f"{r.trend.low:.3f} to {r.trend.high:.3f}" if r.trend else ABSENT),
)


def _sections(records: Records) -> Iterable[Section]:
    if shown := [record for record in records if record.trend]:
        yield Section("Change of latency over the sustained run", table_rows(shown, _COLUMNS))


def _details(records: Records) -> Iterable[str]:
    for record in records:
        if trend := record.trend:
            yield (
                f"{record.name}: after {trend.minutes:.1f} minutes {trend.ratio:.3f} times as slow as at the beginning "
                f"(99 % interval {trend.low:.3f} to {trend.high:.3f})"
            )


PROBE = Probe(sections=_sections, details=_details)
