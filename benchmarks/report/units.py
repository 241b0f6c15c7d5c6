"""Numbers as cells of tables."""

from __future__ import annotations

#: Stands for a figure that was not measured or that too few queries support.
ABSENT = "-"


def milliseconds(value: float | None) -> str:
    """Return a latency with three significant digits: they go from 0.02 to 2,000 ms."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def millions(number: int) -> str:
    """Return millions with three significant digits: inferences go from 0.1 to 1,000 of them."""
    return milliseconds(number / 1e6)
