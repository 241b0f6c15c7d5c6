"""The process's own output streams: silence for libraries that chat, peace for readers that leave."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_native() -> Iterator[None]:
    """Send what native code writes to standard error nowhere; Python's own sys.stderr is flushed before.

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
    """End in peace when whoever reads standard output has gone (``| head``); no error, and nothing more is written."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail again when Python flushes it at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
