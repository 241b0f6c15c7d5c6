"""Loading a model in a fresh process; a worker reports it when it has loaded its model."""

from __future__ import annotations

from ..report.units import milliseconds
from .probe import COST, Column, Probe

PROBE = Probe(
    columns=(
        Column("load ms", lambda record: milliseconds(record.load_ms), COST),
        Column("first ms", lambda record: milliseconds(record.first_ms), COST),
        Column("RSS before MB", lambda record: f"{record.base_rss_mb:,.0f}", COST),
    )
)
