"""What computes a model: the delegate, and how many operators it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..measure.loading import LoadedCase
from ..report.units import ABSENT
from .probe import COST, BenchmarkRun, Column, Probe


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    return [{"delegated": _delegated(one)} for one in run.cases]


def _delegated(one: LoadedCase) -> tuple[int, int] | None:
    taken = one.taken if one.case.delegate else one.process.ask("delegated")["operators"]
    return None if taken is None else (taken, one.case.operators)


PROBE = Probe(measure=_measure, columns=(Column("delegate", lambda record: record.delegate or ABSENT, COST),))
