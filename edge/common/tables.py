"""Tables of aligned columns, for people."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> str:
    """Rows of cells as text, a rule under the first row.

    Args:
        rows: the first is the head; all of one length.
        left: columns that are set to the left; numbers belong to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = rows
    lines = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, ["-" * width for width in widths], *body)
    ]
    return "\n".join(lines)
