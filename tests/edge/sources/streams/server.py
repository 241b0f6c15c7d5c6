"""A server on loopback that can be pulled the plug and be plugged in again, on the same port."""

from __future__ import annotations

import contextlib
import socket
import threading

from .scene import Scene


class Server:
    """Accepts connections, each served by a thread of its own, until it is stopped.

    Args:
        scene: what is shown.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.port = 0
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []

    def start(self) -> None:
        """Listen; from the second time on at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection, at once."""
        listener, self._listener = self._listener, None
        for connection in [*self._open, *([listener] if listener else [])]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    @property
    def running(self) -> bool:
        """Whether the plug is in."""
        return self._listener is not None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.scene.clients += 1
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        # Viewers leave when they like.
        with contextlib.suppress(OSError, ValueError), connection:
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        """Talk to one viewer until there is nothing more to say."""
        raise NotImplementedError
