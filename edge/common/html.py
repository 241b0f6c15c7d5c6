"""A report page: one HTML file with its images inside, for phones, dark mode and machines without a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .markdown import is_number

_TEMPLATES = Path(__file__).with_name("templates")


class Page:
    """Builds a page from top to bottom. All text is escaped.

    Args:
        title: heading of the page.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[dict[str, Any]] = []

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._add("heading", text=text)

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """Add running text.

        Args:
            text: of one paragraph.
            note: whether it is set off as something that must not be missed.
        """
        self._add("paragraph", text=text, note=note)

    def items(self, lines: Sequence[str]) -> None:
        """Add a list."""
        self._add("items", lines=lines)

    def code(self, text: str) -> None:
        """Add text in a fixed font, as commands and plain tables are."""
        self._add("code", text=text)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table.

        Args:
            rows: the first is the header. Cells that are numbers are set to the right.
        """
        self._add("table", rows=rows)

    def image(self, path: str | Path, caption: str) -> None:
        """Add an image; its bytes are carried inside the page.

        Args:
            path: PNG or SVG to read.
            caption: text below it.
        """
        data = base64.b64encode(Path(path).read_bytes()).decode()
        kind = "svg+xml" if Path(path).suffix.lower() == ".svg" else "png"
        self._add("image", source=f"data:image/{kind};base64,{data}", caption=caption)

    def render(self) -> str:
        """Return the whole document."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.tests["number"] = is_number
        return environment.get_template("page.html").render(title=self._title, parts=self._parts)

    def _add(self, kind: str, **content: Any) -> None:
        self._parts.append({"kind": kind, **content})
