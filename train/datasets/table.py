"""Tables of aligned columns, for people."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text: the first column to the left, the others to the right, a line under the first row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("-" * len(lines[0]))
    return "\n".join(lines)


def counts_table(counts: dict[str, dict[str, int]]) -> str:
    """Pictures per split and class.

    Args:
        counts: split -> class -> number, as ``Dataset.counts``.
    """
    splits = list(counts)
    labels = list(next(iter(counts.values())))
    rows = [["class", *splits]]
    rows += [[label, *(f"{counts[split][label]:,}" for split in splits)] for label in labels]
    rows.append(["total", *(f"{sum(counts[split].values()):,}" for split in splits)])
    return aligned(rows)
