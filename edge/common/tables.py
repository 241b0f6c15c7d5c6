"""Tables as text: aligned columns, and the same drawn by rich on a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Sequence
from typing import Any

_WIDTH = 118


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> str:
    """Return rows of cells as text, with a rule under the first row.

    Args:
        rows: cells, all rows of one length; the first is the header.
        left: columns that are aligned to the left; numbers belong to the right.
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


def terminal_table(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> str:
    """Return a table for standard output: drawn to the width of a terminal, or :func:`aligned` in a pipe or a file.

    Args:
        rows: see :func:`aligned`.
        left: see :func:`aligned`.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        return aligned(rows, left=left)
    # Imported here: --help and pipes need none of it.
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    head, *body = rows
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column, cell in enumerate(head):
        # Names stay whole; the other columns give way where the terminal is narrow.
        side: Any = "left" if column in left else "right"
        table.add_column(Text(cell), justify=side, overflow="fold", no_wrap=not column)
    for row in body:
        table.add_row(*map(Text, row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())


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
