"""The terminal: messages and progress on standard error, silence for libraries, readers that leave."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any

#: Seconds between two lines of progress in a pipe or a log.
PLAIN_EVERY_S = 30.0
#: Seconds between two drawings on a terminal.
_REDRAW_S = 0.1


def message(text: str) -> None:
    """Print a line on standard error.

    Args:
        text: line without its newline.
    """
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Progress of long work on standard error.

    On a terminal one line with a bar, the rate and the time left, in a pipe or a log plain lines at intervals. Nothing
    runs beside the work: the line is drawn by :meth:`update` alone, so that measurements are not disturbed.

    Args:
        quiet: show nothing.
        plain: show plain lines where there is no terminal.
        every: seconds between two of these; finished work is shown at once.
    """

    def __init__(self, *, quiet: bool = False, plain: bool = True, every: float = PLAIN_EVERY_S) -> None:
        self._quiet = quiet
        self._terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._plain = plain and not quiet and not self._terminal
        self._every, self._last = every, time.monotonic()
        self._display: Any = None
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Show how far the work is.

        Args:
            text: what is being done.
            done: finished parts; None for work that is not counted.
            total: parts in all.
        """
        finished = total is not None and done is not None and done >= total
        now = time.monotonic()
        if self._terminal:
            if finished or now - self._drawn >= _REDRAW_S:
                self._drawn = now
                self._draw(text, done, total)
        elif self._plain and (finished or now - self._last >= self._every):
            self._last = now
            message(text if done is None else f"{text}: {done:,} of {total:,}")

    def print(self, text: str) -> None:
        """Print a line that stays, above the progress."""
        if self._quiet:
            return
        self.close()
        message(text)

    def close(self) -> None:
        """Remove the line from the terminal."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _draw(self, text: str, done: int | None, total: int | None) -> None:
        if self._display is None:
            self._display = _display()
            self._display.start()
        tasks = self._display.tasks
        if not tasks or tasks[0].total != total or (done or 0) < tasks[0].completed:
            # Other work: its rate and time left are counted from here.
            for task in self._display.task_ids:
                self._display.remove_task(task)
            self._display.add_task("", total=total, text=text)
        self._display.update(self._display.task_ids[0], completed=done or 0, text=text)
        self._display.refresh()


def _display() -> Any:
    """Return rich's progress display; imported here, because --help and devices without a terminal need none of it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Display
    from rich.text import Text

    class Counted(ProgressColumn):
        """A column that is shown for counted work alone."""

        def __init__(self, column: ProgressColumn) -> None:
            super().__init__()
            self._column = column

        def render(self, task: Any) -> Any:
            return self._column.render(task) if task.total else Text("")

    class Rate(ProgressColumn):
        """Parts per second."""

        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    columns = (BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Display(
        TextColumn("{task.fields[text]}", markup=False),
        *map(Counted, columns),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )


@contextlib.contextmanager
def quiet_native() -> Iterator[None]:
    """Discard what native code writes to standard error; Python's own sys.stderr is flushed before.

    For short calls only: while it lasts, every thread's standard error is silent.
    """
    if sys.stderr is None:
        # Started with standard error closed: there is nothing to silence, and 2 may be another file by now.
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End without an error when the reader of standard output has gone (``| head``); nothing more is written."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail again when Python flushes it at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep the output of a converter off the terminal: prints, logs of absl, warnings, native output.

    What is wrong with a model comes as an exception all the same.
    """
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet_native(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
