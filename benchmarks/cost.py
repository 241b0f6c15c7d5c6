"""What an accuracy is paid with: latency, size, multiply-accumulates, executed instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .record import BenchmarkRecord

#: Of a record: fields and entries below it that are counts of executed instructions.
_INSTRUCTIONS = "instructions"


@dataclass(frozen=True)
class Cost:
    """A figure of every record, less of which is better.

    Args:
        name: for options and file names.
        label: with its unit, for axes and columns.
        path: where it stands in a record, outermost first.
        scale: from the record's unit to that of the label.
    """

    name: str
    label: str
    path: tuple[str, ...]
    scale: float = 1.0

    def of(self, record: BenchmarkRecord) -> float | None:
        """The figure of one record, in the unit of the label; None when it has none."""
        value: Any = getattr(record, self.path[0], None)
        for key in self.path[1:]:
            value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
        return None if value is None else float(value) * self.scale


LATENCY = Cost("latency", "median latency (ms)", ("p50_ms",))
SIZE = Cost("size", "size of the file (KB)", ("bytes",), 1e-3)
MACS = Cost("macs", "multiply-accumulates (M)", ("macs",), 1e-6)
#: Costs that every record may have.
COSTS = {cost.name: cost for cost in (LATENCY, SIZE, MACS)}


def costs_of(records: Sequence[BenchmarkRecord]) -> list[Cost]:
    """The costs that at least one of the records tells, instructions of each processor that was counted on included."""
    known = [*COSTS.values(), *instruction_costs(records)]
    return [cost for cost in known if any(cost.of(record) for record in records)]


def instruction_costs(records: Sequence[BenchmarkRecord]) -> list[Cost]:
    """Counts of executed instructions in the records: one, or one for each processor."""
    found: dict[str, Cost] = {}
    for record in records:
        counted: Any = getattr(record, _INSTRUCTIONS, None)
        if isinstance(counted, (int, float)):
            found.setdefault("", Cost("instructions", "instructions of an invoke (M)", (_INSTRUCTIONS,), 1e-6))
        elif isinstance(counted, dict):
            for processor, count in counted.items():
                if isinstance(count, (int, float)):
                    label = f"instructions of an invoke on {processor} (M)"
                    cost = Cost(f"instructions-{processor}", label, (_INSTRUCTIONS, processor), 1e-6)
                    found.setdefault(processor, cost)
    return list(found.values())
