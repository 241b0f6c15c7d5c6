"""An HTTP camera: multipart/x-mixed-replace, a part an image, with Basic authentication when it has a password."""

from __future__ import annotations

import base64
import socket
import time

from .scene import Scene
from .server import Server


class MjpegServer(Server):
    """See the module.

    Args:
        scene: what is shown.
        login: ``user:password``; empty for everybody.
    """

    def __init__(self, scene: Scene, *, login: str = "") -> None:
        super().__init__(scene)
        self._login = login

    def url(self, login: str = "") -> str:
        """Where it is."""
        return f"http://{login}{'@' if login else ''}127.0.0.1:{self.port}/cam?size=vga"

    def serve(self, connection: socket.socket) -> None:
        """Answer a request with images."""
        with connection.makefile("rb") as lines:
            head = b"".join(iter(lines.readline, b"\r\n"))
        wanted = b"Basic " + base64.b64encode(self._login.encode())
        if self._login and wanted not in head:
            connection.sendall(b'HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm="cam"\r\nContent-Length: 0\r\n\r\n')
            return
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        while self.running:
            if jpeg := self.scene.jpeg():
                about = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                connection.sendall(about + jpeg + b"\r\n")
            time.sleep(1 / self.scene.rate)
