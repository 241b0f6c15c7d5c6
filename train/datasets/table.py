"""Images per split and class as a table."""

from __future__ import annotations

from ...edge.common.tables import aligned


def counts_table(counts: dict[str, dict[str, int]]) -> str:
    """Images per split and class.

    Args:
        counts: split -> class -> number, as ``Dataset.counts``.
    """
    splits = list(counts)
    labels = list(next(iter(counts.values())))
    rows = [["class", *splits]]
    rows += [[label, *(f"{counts[split][label]:,}" for split in splits)] for label in labels]
    rows.append(["total", *(f"{sum(counts[split].values()):,}" for split in splits)])
    return aligned(rows)
