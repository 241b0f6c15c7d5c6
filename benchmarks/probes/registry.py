"""The probes by name, and what tables and reports show of their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from ...edge.common.plugin import collect_options
from ...edge.common.registry import Registry
from .probe import Probe, Records, Section, table_rows

#: In the order of the columns. Memory comes early: what is measured after it may take more.
PROBES: Registry[Probe] = Registry(
    "probe",
    "edgeemo.probes",
    {
        "size": "edgeemo.benchmarks.probes.size:PROBE",
        "latency": "edgeemo.benchmarks.probes.latency:PROBE",
        "instructions": "edgeemo.benchmarks.probes.instructions:PROBE",
        "loading": "edgeemo.benchmarks.probes.loading:PROBE",
        "memory": "edgeemo.benchmarks.probes.memory:PROBE",
        "compute": "edgeemo.benchmarks.probes.compute:PROBE",
        "throughput": "edgeemo.benchmarks.probes.throughput:PROBE",
        "delegation": "edgeemo.benchmarks.probes.delegation:PROBE",
        "stages": "edgeemo.benchmarks.probes.stages:PROBE",
        "trend": "edgeemo.benchmarks.probes.trend:PROBE",
        "accuracy": "edgeemo.benchmarks.probes.accuracy:PROBE",
    },
)


def chosen_probes(values: Mapping[str, Any]) -> dict[str, Probe]:
    """Return the probes that measure in a run.

    Args:
        values: parameter name of an option that a probe declares -> its value.
    """
    probes = {name: PROBES.load(name) for name in PROBES.names()}
    return {name: probe for name, probe in probes.items() if probe.switch is None or values.get(probe.switch)}


def probe_options() -> list[click.Option]:
    """Return the command-line options of all probes."""
    return collect_options("probe", [], {name: PROBES.load(name).options for name in PROBES.names()})


def shown_probes(records: Records) -> Iterator[Probe]:
    """Yield the probes of whose figures tables are made: those that ship, and plug-ins that measured a record."""
    measured = {name for record in records for name in record.metrics}
    for name in PROBES.names():
        if name in PROBES.builtin or name in measured:
            yield PROBES.load(name)


def probe_rows(records: Records, table: str) -> list[list[str]]:
    """Return the header and rows of a table to which all probes add columns.

    Args:
        records: a row for each.
        table: :data:`~edgeemo.benchmarks.probes.probe.SUMMARY` or :data:`~edgeemo.benchmarks.probes.probe.COST`.
    """
    return table_rows(
        records, [column for probe in shown_probes(records) for column in probe.columns_of(records, table)]
    )


def probe_sections(records: Records) -> list[Section]:
    """Return the sections of a report."""
    return [section for probe in shown_probes(records) for section in probe.sections(records)]
