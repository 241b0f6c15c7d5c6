"""An RTSP camera: JPEG over RTP (RFC 2435), interleaved in the RTSP connection (RFC 2326, 10.12)."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass

from .server import Server

_PAYLOAD_JPEG, _CLOCK_HZ, _PACKET = 26, 90_000, 1300
#: RFC 2435, 3.1.8: quantization tables are sent with the image.
_TABLES_INSIDE = 255


@dataclass(frozen=True)
class Parts:
    """What RTP wants of a baseline JPEG: the rest is fixed by the RFC.

    Args:
        width, height: in pixels.
        subsampling: 0 for 4:2:2, 1 for 4:2:0.
        tables: quantization tables in their order.
        scan: entropy-coded data.
    """

    width: int
    height: int
    subsampling: int
    tables: bytes
    scan: bytes

    @classmethod
    def of(cls, jpeg: bytes) -> Parts:
        """Walk through the segments of a JPEG."""
        tables: dict[int, bytes] = {}
        width = height = subsampling = 0
        at = 2
        while True:
            marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
            body = jpeg[at + 4 : at + 2 + length]
            at += 2 + length
            if marker == 0xDB:
                for start in range(0, len(body), 65):
                    tables[body[start]] = body[start + 1 : start + 65]
            elif marker == 0xC0:
                height, width = struct.unpack(">HH", body[1:5])
                subsampling = int(body[7] == 0x22)
            elif marker == 0xDA:
                return cls(width, height, subsampling, tables[0] + tables[1], jpeg[at:-2])


class RtspServer(Server):
    """See the module."""

    def url(self, login: str = "") -> str:
        """Where it is."""
        return f"rtsp://{login}{'@' if login else ''}127.0.0.1:{self.port}/cam"

    def serve(self, connection: socket.socket) -> None:
        """Answer requests; the images come from a thread of their own."""
        waiting = b""
        while data := connection.recv(4096):
            waiting += data
            while waiting:
                if waiting[:1] == b"$":
                    # Receiver reports: their length stands behind the channel.
                    whole = 4 + int.from_bytes(waiting[2:4], "big")
                    if len(waiting) < max(4, whole):
                        break
                    waiting = waiting[whole:]
                    continue
                head, found, rest = waiting.partition(b"\r\n\r\n")
                if not found:
                    break
                waiting = rest
                self._answer(connection, head.decode())

    def _answer(self, connection: socket.socket, request: str) -> None:
        method, url = request.split()[:2]
        number = re.search(r"CSeq: *(\d+)", request)
        assert number is not None
        extra, body = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP {_PAYLOAD_JPEG}\r\n"
            body += "a=control:track0\r\n"
            extra = f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP" and "TCP" not in request:
            connection.sendall(f"RTSP/1.0 461 Unsupported Transport\r\nCSeq: {number[1]}\r\n\r\n".encode())
            return
        elif method == "SETUP":
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            extra = "Session: 1\r\n"
        connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number[1]}\r\n{extra}\r\n{body}".encode())
        if method == "PLAY":
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        sequence, began = 0, time.monotonic()
        with contextlib.suppress(OSError):
            while self.running:
                if jpeg := self.scene.jpeg():
                    stamp = int((time.monotonic() - began) * _CLOCK_HZ) & 0xFFFFFFFF
                    sequence = self._send(connection, Parts.of(jpeg), sequence, stamp)
                time.sleep(1 / self.scene.rate)

    @staticmethod
    def _send(connection: socket.socket, parts: Parts, sequence: int, stamp: int) -> int:
        for offset in range(0, len(parts.scan), _PACKET):
            piece = parts.scan[offset : offset + _PACKET]
            about = struct.pack(">I", offset) + struct.pack(
                ">BBBB", parts.subsampling, _TABLES_INSIDE, parts.width // 8, parts.height // 8
            )
            if offset == 0:
                about += struct.pack(">BBH", 0, 0, len(parts.tables)) + parts.tables
            last = 0x80 if offset + len(piece) >= len(parts.scan) else 0
            head = struct.pack(">BBHII", 0x80, _PAYLOAD_JPEG | last, sequence & 0xFFFF, stamp, 1)
            packet = head + about + piece
            connection.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
            sequence += 1
        return sequence
