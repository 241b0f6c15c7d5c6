"""One line on the terminal that says what is being done; in a pipe nothing, or one line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click


class Line:
    """A line that is written over, on standard error.

    Args:
        quiet: show nothing.
        every: seconds between two lines in a pipe or a log, for what takes long; 0 for none.
    """

    def __init__(self, *, quiet: bool = False, every: float = 0.0) -> None:
        self._shown = sys.stderr.isatty() and not quiet
        self._every = 0.0 if self._shown or quiet else every
        self._last = time.monotonic()

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
        elif words and self._every and time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            click.echo(words, err=True)
