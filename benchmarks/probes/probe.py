"""What a metric of the benchmark declares."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np

from ...edge.inference.interpreter import Session
from ...edge.model.card import ModelCard
from ..measure.latency import LatencyMeasurement
from ..measure.loading import LoadedCase
from ..options import BenchmarkOptions
from ..record import BenchmarkRecord
from ..report.units import ABSENT

Records = Sequence[BenchmarkRecord]
#: The table of the terminal, of table.md and at the top of a report.
SUMMARY = "summary"
#: The report's table of what a model takes beside its latency.
COST = "Load, memory, cost"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        header: its head.
        cell: makes the cell of a record; :data:`ABSENT` for a figure that it lacks.
        table: :data:`SUMMARY` or :data:`COST`.
        optional: whether it is left out when no record fills it.
    """

    header: str
    cell: Callable[[BenchmarkRecord], str]
    table: str = SUMMARY
    optional: bool = True

    def text(self, record: BenchmarkRecord) -> str:
        """Return the cell of a record, absent also where a plug-in did not measure."""
        try:
            return self.cell(record)
        except KeyError:
            return ABSENT


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Args:
        title: its heading.
        rows: of its table, the header first.
        paragraph: text above the table.
    """

    title: str
    rows: list[list[str]]
    paragraph: str = ""


@dataclass
class BenchmarkRun:
    """A benchmark while it runs, as probes see it.

    Args:
        options: of the benchmark.
        folder: for temporary files; it is removed in the end.
        progress: called with what is being done, the steps done, and all of them.
        stack: closes what a probe enters, in the end.
        prepared: name of a probe -> result of its ``prepare``.
        cases: models with their processes, once they are loaded.
        measurement: latencies of the cases, in their order, once they are measured.
    """

    options: BenchmarkOptions
    folder: Path
    progress: Callable[[str, int, int], None]
    stack: contextlib.ExitStack
    prepared: dict[str, Any] = field(default_factory=dict)
    cases: Sequence[LoadedCase] = ()
    measurement: LatencyMeasurement | None = None

    def value(self, name: str, default: Any = None) -> Any:
        """Return the value of an option that a probe declares.

        Args:
            name: of its parameter.
            default: for an option that was not given.
        """
        return self.options.probe_options.get(name, default)


class WorkerModel(Protocol):
    """The model as a probe finds it in the process that holds it.

    Attributes:
        session: the loaded model.
        card: its card, or None for a model without one.
        crops: uint8 face crops that it is fed.
        inputs: the same as input tensors.
    """

    session: Session
    card: ModelCard | None
    crops: list[np.ndarray]
    inputs: list[np.ndarray]


@dataclass(frozen=True)
class Probe:
    """A metric: how it is measured, and what tables show of it.

    A plug-in needs ``in_worker`` and ``columns``: the value is stored as ``record.metrics[NAME]``, where NAME is that
    of its entry point. The metrics that ship measure with ``measure`` and have fields of their own in the record.

    Args:
        in_worker: runs in the process of each model, after its latency was measured; returns what JSON can hold.
        measure: runs in the benchmark's own process; returns the fields of each case's record.
        prepare: checks before anything is measured that the probe can do its work; its result is in ``run.prepared``.
        columns: of the summary and of the table of costs; a function when they depend on the records.
        sections: sections of a report with tables of their own.
        notes: sentences below the summary that explain its columns.
        details: sentences below the summary with figures that it has no column for; a report has sections instead.
        options: command-line options.
        switch: parameter name of the option without which the probe does not measure; None for one that always does.
        timed: whether it measures time, so that the state of the device has to be watched meanwhile.
    """

    in_worker: Callable[[WorkerModel], Any] | None = None
    measure: Callable[[BenchmarkRun], Sequence[Mapping[str, Any]]] | None = None
    prepare: Callable[[BenchmarkRun], Any] | None = None
    columns: Sequence[Column] | Callable[[Records], Sequence[Column]] = ()
    sections: Callable[[Records], Iterable[Section]] = lambda records: ()
    notes: Callable[[Records], Iterable[str]] = lambda records: ()
    details: Callable[[Records], Iterable[str]] = lambda records: ()
    options: Sequence[click.Option] = ()
    switch: str | None = None
    timed: bool = True

    def columns_of(self, records: Records, table: str) -> list[Column]:
        """Return the columns that a table of these records has."""
        columns = self.columns(records) if callable(self.columns) else self.columns
        return [column for column in columns if column.table == table]


def table_rows(records: Records, columns: Iterable[Column]) -> list[list[str]]:
    """Return the header and rows of a table; the last column marks unreliable records.

    Args:
        records: a row for each.
        columns: of the table.
    """
    filled = {}
    for column in columns:
        cells = [column.text(record) for record in records]
        if not column.optional or any(cell not in ("", ABSENT) for cell in cells):
            filled[column.header] = cells
    if any(record.unreliable for record in records):
        filled[""] = ["unreliable" if record.unreliable else "" for record in records]
    names = [record.name for record in records]
    return [["model", *filled], *([name, *row] for name, *row in zip(names, *filled.values(), strict=True))]
