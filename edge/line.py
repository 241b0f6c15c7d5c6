"""One line on the terminal that says what is being done; nothing in a pipe."""

from __future__ import annotations

import sys
from types import TracebackType

import click


class Line:
    """A line that is written over, on standard error.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._shown = sys.stderr.isatty() and not quiet

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tell("")

    def tell(self, words: str) -> None:
        """Replace the line."""
        if self._shown:
            click.echo(f"\r\033[K{words}", nl=False, err=True)
