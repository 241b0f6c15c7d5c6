"""Notifications to the service manager: systemd's protocol (sd_notify(3)), one datagram per message."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

#: Messages per period that the service manager waits for: one may be lost.
_PER_PERIOD = 3


class Watchdog:
    """Notifier of systemd: ready, alive, status, stopping. Does nothing where no service manager listens.

    Args:
        address: socket, a path or an abstract name that begins with @; empty for none.
        period_s: seconds without a sign of life after which the service is killed and restarted; 0 for never.
    """

    def __init__(self, address: str = "", *, period_s: float = 0.0) -> None:
        self.period_s = period_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            # A service manager that does not read must not keep the loop.
            self._socket.setblocking(False)
        self._last_s = float("-inf")
        self._said = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Watchdog:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and, unless it is for another process, WATCHDOG_PID."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = int(microseconds) / 1e6 if microseconds.isdigit() and ours else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), period_s=period)

    def ready(self) -> None:
        """Report that the service has started."""
        self._send("READY=1")

    def alive(self) -> None:
        """Send a sign of life, no more often than needed: it may be called for every frame."""
        now = time.monotonic()
        if self.period_s and now - self._last_s >= self.period_s / _PER_PERIOD:
            self._last_s = now
            self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Set what ``systemctl status`` shows; sent when it changes."""
        if sentence != self._said:
            self._said = sentence
            self._send("STATUS=" + " ".join(sentence.split()))

    def stopping(self) -> None:
        """Report that the service ends."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            # Nobody listens, or not now: the next sign of life may arrive.
            self._last_s = float("-inf")
