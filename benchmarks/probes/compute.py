"""Multiply-accumulates: how many, how fast, and how near to the most that the runtime reaches.

The roofline (``--ceiling``) is measured by the benchmark itself, in the same rounds as the latencies.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..cases import thread_count
from ..record import BenchmarkRecord
from ..report.units import ABSENT
from .probe import COST, Column, Probe, Records


def _speed(record: BenchmarkRecord) -> str:
    return f"{record.macs / record.p50_ms / 1e6:,.1f}" if record.macs and record.p50_ms else ABSENT


def _details(records: Records) -> Iterable[str]:
    for record in records:
        if ceiling := record.ceiling:
            yield (
                f"{record.name}: {ceiling.fraction:.0%} [{ceiling.low:.0%}, {ceiling.high:.0%}] of the "
                f"{ceiling.gmacs:,.0f} GMAC/s that int8 matrix products reach in {record.runtime}, "
                f"{thread_count(record.threads)}"
            )


PROBE = Probe(
    columns=(
        Column("MMAC", lambda record: f"{record.macs / 1e6:,.1f}" if record.macs else ABSENT, COST),
        Column("GMAC per s", _speed, COST),
        Column("of the ceiling", lambda r: f"{r.ceiling.fraction:.0%}" if r.ceiling else ABSENT, COST),
        Column("ceiling, GMAC per s", lambda r: f"{r.ceiling.gmacs:,.0f}" if r.ceiling else ABSENT, COST),
    ),
    details=_details,
)
