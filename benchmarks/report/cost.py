"""Costs of a model: latency, size, multiply-accumulates, executed instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..record import BenchmarkRecord


@dataclass(frozen=True)
class Cost:
    """A figure of every record, less of which is better.

    Args:
        name: for file names.
        label: with its unit, for axes.
        field: of the record.
        scale: from the record's unit to that of the label.
        processor: for instructions: on which they were counted.
    """

    name: str
    label: str
    field: str
    scale: float = 1.0
    processor: str = ""

    def of(self, record: BenchmarkRecord) -> float | None:
        """Return the figure of one record, in the unit of the label; None when it has none."""
        value = getattr(record, self.field, None)
        if self.processor:
            value = next((count.invoke for count in value or () if count.processor == self.processor), None)
        return None if value is None else float(value) * self.scale


LATENCY = Cost("latency", "median latency (ms)", "p50_ms")
SIZE = Cost("size", "size of the file (KB)", "bytes", 1e-3)
MACS = Cost("macs", "multiply-accumulates (M)", "macs", 1e-6)


def costs_of(records: Sequence[BenchmarkRecord]) -> list[Cost]:
    """Return the costs that at least one record has; instructions on each processor on which they were counted."""
    counts = [count for record in records for count in getattr(record, "instructions", None) or ()]
    counted = [
        Cost(f"instructions-{processor.lower()}", f"instructions on {processor} (M)", "instructions", 1e-6, processor)
        for processor in dict.fromkeys(count.processor for count in counts)
    ]
    return [cost for cost in (LATENCY, SIZE, MACS, *counted) if any(cost.of(record) for record in records)]
