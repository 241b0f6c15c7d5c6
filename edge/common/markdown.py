"""Markdown: tables, and reports with their images in a folder beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from .files import write_bytes, write_text

_NUMBER = re.compile(r"[+-]?\d[\d,.]*\s*(%|x|KB|MB|ms)?$")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def escaped(text: str) -> str:
    """Return text in which no character means anything to Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def bars_escaped(text: str) -> str:
    """Return Markdown that does not end the cell of a table in which it stands."""
    return text.replace("|", "\\|")


def is_number(cell: str) -> bool:
    """Return whether a cell is a bare number, or one with its unit."""
    return bool(_NUMBER.match(cell))


def markdown_table(
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[str] | None = None,
    escape: Callable[[str], str] = bars_escaped,
) -> str:
    """Return a table.

    Args:
        rows: the first is the header.
        left: headers of the columns that are set to the left; without it all but columns of numbers, in which a dash
            or nothing may stand for a missing one.
        escape: makes a cell safe; by default Markdown in cells stays what it is.
    """
    head, *body = rows
    if left is None:
        right = [_is_numeric(column) for column in zip(*body, strict=True)] or [False] * len(head)
    else:
        right = [name not in left for name in head]
    rule = ["--:" if each else ":--" for each in right]
    lines = [[escape(cell) for cell in head], rule, *([escape(cell) for cell in row] for row in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _is_numeric(column: Sequence[str]) -> bool:
    return any(column) and all(cell in ("", "-") or is_number(cell) for cell in column)


class MarkdownReport:
    """Builds a Markdown file from top to bottom, with the methods of :class:`edgeemo.edge.common.html.Page`.

    Args:
        title: heading of the report.
        path: file to write.
        images: folder for its images.
    """

    def __init__(self, title: str, path: str | Path, images: str | Path) -> None:
        self._path, self._images = Path(path), Path(images)
        self._parts = [f"# {escaped(title)}"]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"## {escaped(text)}")

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """Add running text; ``note`` sets it off as something that must not be missed."""
        self._parts.append(f"> **{escaped(text)}**" if note else escaped(text))

    def items(self, lines: Sequence[str]) -> None:
        """Add a list."""
        self._parts.append("\n".join(f"- {escaped(line)}" for line in lines))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table; the first row is its header."""
        self._parts.append(markdown_table(rows, escape=escaped))

    def image(self, path: str | Path, caption: str) -> None:
        """Add an image, copied into the folder for images under its own name."""
        target = self._images / Path(path).name
        write_bytes(target, Path(path).read_bytes())
        link = Path(os.path.relpath(target, self._path.parent)).as_posix()
        self._parts.append(f"![{escaped(caption)}]({link})\n\n{escaped(caption)}")

    def write(self) -> None:
        """Write the file, atomically."""
        write_text(self._path, "\n\n".join(self._parts) + "\n")
