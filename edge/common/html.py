"""A report page: one HTML file with its images inside, readable on a phone, in the dark and without a network."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path

_NUMBER = re.compile(r"[+-]?\d[\d,.]*\s*(%|x|KB|ms)?$")
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #c4512d }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem; margin: 1rem 0 .2rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
.note { border-left: .25rem solid var(--accent); padding: .4rem .8rem; background: var(--soft) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
td.n { text-align: right } figure { margin: 1rem 0 } figcaption { font-size: .9rem; opacity: .8 }
img { max-width: 100%; height: auto; background: #fff; border-radius: .3rem }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; border-radius: .3rem }
"""


class Page:
    """Builds a page from top to bottom. All text is escaped.

    Args:
        title: of the page.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts = [f"<h1>{html.escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """Running text; ``note`` sets it off as something that must not be missed."""
        self._parts.append(f"<p{' class=note' if note else ''}>{html.escape(text)}</p>")

    def items(self, lines: Sequence[str]) -> None:
        """A list."""
        self._parts.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>")

    def code(self, text: str) -> None:
        """Text in a fixed font, as commands and plain tables are."""
        self._parts.append(f"<pre>{html.escape(text)}</pre>")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table; the first row is its head. Cells that are numbers are set to the right."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
        body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows[1:])
        self._parts.append(f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>")

    def image(self, path: str | Path, caption: str) -> None:
        """A PNG or SVG, carried inside the page."""
        data = base64.b64encode(Path(path).read_bytes()).decode()
        kind = "svg+xml" if Path(path).suffix.lower() == ".svg" else "png"
        text = html.escape(caption)
        self._parts.append(
            f'<figure><img src="data:image/{kind};base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'
        )

    def render(self) -> str:
        """The whole document."""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self._title)}</title><style>{_STYLE}</style></head>\n<body>\n"
            + "\n".join(self._parts)
            + "\n</body></html>\n"
        )


def _cell(text: str) -> str:
    return f"<td{' class=n' if _NUMBER.match(text) else ''}>{html.escape(text)}</td>"
