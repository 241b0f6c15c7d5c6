"""Tables of aligned columns, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

_WIDTH = 118


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


def name_values(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and values side by side, long values wrapped.

    Args:
        rows: name and value; rows with an empty value are left out.
    """
    width = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, value in rows:
        parts = textwrap.wrap(value, _WIDTH - width - 2, break_long_words=False, break_on_hyphens=False)
        lines += [f"{name if not number else '':{width}}  {part}" for number, part in enumerate(parts)]
    return "\n".join(lines)
