"""Warnings about the source on standard error: one line for each change."""

from __future__ import annotations

from ..common.console import message
from .base import SourceState, Update

_TEXTS = {
    SourceState.RECONNECTING: "camera lost, reconnecting",
    SourceState.FROZEN: "no frames classified",
    SourceState.BLACK: "no frames classified",
}


class ConsoleSink:
    """Sink that reports trouble when it begins, and how long it lasted when it ends. Repeats nothing."""

    name = "standard error"
    dropped = 0

    def __init__(self) -> None:
        self._state = SourceState.STARTING
        self._reason = ""
        self._since: float | None = None

    def start(self) -> None:
        """Do nothing: there is nothing to open."""

    def publish(self, update: Update) -> None:
        """Print a line if something changed."""
        status = update.status
        if status.state in _TEXTS:
            self._since = update.monotonic if self._since is None else self._since
            # The state tells enough: attempts fail for changing reasons, night after night.
            if status.state is not self._state:
                message(f"Warning: {_TEXTS[status.state]} ({status.reason})")
        elif status.state is SourceState.RUNNING:
            if self._since is not None:
                message(f"The camera is back after {update.monotonic - self._since:.1f} s")
                self._since = None
            if status.reason and status.reason != self._reason:
                message(f"Warning: {status.reason}")
        self._state, self._reason = status.state, status.reason

    def close(self, timeout: float) -> None:
        """Do nothing: there is nothing to close."""
