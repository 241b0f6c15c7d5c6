"""A report as Markdown, with its images in a folder beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from .files import write_bytes, write_text

#: A bare number, one with its unit, or the sign for none: set to the right.
_NUMBER = re.compile(r"[+-]?\d[\d,.]*\s*(%|x|KB|MB|ms)?$|-?$")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


class MarkdownReport:
    """Builds a Markdown file from top to bottom, with the methods of :class:`edgeemo.edge.common.html.Page`.

    Args:
        title: of the report.
        path: where it will stand.
        images: folder for its images.
    """

    def __init__(self, title: str, path: str | Path, images: str | Path) -> None:
        self._path, self._images = Path(path), Path(images)
        self._parts = [f"# {escaped(title)}"]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"## {escaped(text)}")

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """Running text; ``note`` sets it off as something that must not be missed."""
        self._parts.append(f"> **{escaped(text)}**" if note else escaped(text))

    def items(self, lines: Sequence[str]) -> None:
        """A list."""
        self._parts.append("\n".join(f"- {escaped(line)}" for line in lines))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table; the first row is its head. Columns of numbers are set to the right."""
        columns = list(zip(*rows[1:], strict=True))
        right = [all(_NUMBER.match(cell) for cell in column) and any(column) for column in columns]
        rule = ["--:" if each else ":--" for each in right] or [":--"] * len(rows[0])
        lines = [[escaped(cell) for cell in rows[0]], rule, *([escaped(cell) for cell in row] for row in rows[1:])]
        self._parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))

    def image(self, path: str | Path, caption: str) -> None:
        """An image, copied into the folder for images under its own name."""
        target = self._images / Path(path).name
        write_bytes(target, Path(path).read_bytes())
        link = Path(os.path.relpath(target, self._path.parent)).as_posix()
        self._parts.append(f"![{escaped(caption)}]({link})\n\n{escaped(caption)}")

    def write(self) -> None:
        """Write the file, atomically."""
        write_text(self._path, "\n\n".join(self._parts) + "\n")


def escaped(text: str) -> str:
    """Text in which no character means anything to Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
