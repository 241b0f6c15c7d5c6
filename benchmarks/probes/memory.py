"""Peak resident memory of a model's process, when its latency has been measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .probe import COST, BenchmarkRun, Column, Probe


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    return [{"peak_rss_mb": one.process.ask("memory")["peak_rss_mb"]} for one in run.cases]


PROBE = Probe(
    measure=_measure,
    columns=(
        Column("RSS MB", lambda record: f"{record.peak_rss_mb:,.0f}"),
        Column("RSS peak MB", lambda record: f"{record.peak_rss_mb:,.0f}", COST),
    ),
)
