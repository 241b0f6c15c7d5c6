"""Cameras that send JPEG images over HTTP (multipart/x-mixed-replace): webcams, ESP32-CAM, mjpg-streamer, IP cameras.

Read here rather than by FFmpeg, which keeps old images in its buffers, decodes all of them, and gives no way to tell.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import ssl
import time
import urllib.error
import urllib.request
from functools import partial
from typing import Any

from ..common.errors import CameraError
from .base import Source, SourceContext, SourceKind
from .jpeg import JpegSplitter, decode_jpeg
from .live.camera import CameraLost, Capture, CapturedFrame
from .live.gap_detector import GapDetector
from .live.source import LiveSource
from .rtsp import StreamCamera
from .url import CameraUrl

#: Seconds for connecting and for the answer to begin.
CONNECT_S = 5.0
#: Seconds after which a read gives up, so that the thread sees that it is to stop.
_READ_S = 1.0
_PIECE = 1 << 16
#: What is read here; anything else (HLS, MP4, ...) is FFmpeg's.
KINDS = ("multipart/x-mixed-replace", "multipart/mixed", "image/jpeg", "video/x-motion-jpeg")
_ANSWERS = {
    401: "it refuses the user or password",
    403: "it refuses the user or password",
    404: "it does not know this path",
    503: "it is busy: cameras serve few viewers at a time",
}


class HttpCamera:
    """Camera behind an http or https address.

    Args:
        address: URL, with or without credentials (Basic and Digest).
    """

    def __init__(self, address: CameraUrl) -> None:
        self.name = address.shown
        self._address = address

    def open(self) -> Capture:
        """Connect, and choose the capture by what the camera sends.

        Raises:
            EdgeemoError: no connection, or an answer that is none of a camera.
        """
        keeper = _Keeper()
        opener = urllib.request.build_opener(keeper.plain, keeper.secure, *_logins(self._address))
        try:
            response = opener.open(self._address.bare, timeout=CONNECT_S)
        except urllib.error.HTTPError as error:
            error.close()
            keeper.close(keeper.sockets)
            raise self._failure(_ANSWERS.get(error.code, f"it answers {error.code}")) from None
        except urllib.error.URLError as error:
            keeper.close(keeper.sockets)
            raise self._failure(_reason(error.reason)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            keeper.close(keeper.sockets)
            raise self._failure(_reason(error)) from None
        keeper.close(keeper.sockets[:-1])
        if response.headers.get_content_type() not in KINDS:
            response.close()
            return StreamCamera(self._address).open()
        return MjpegCapture(response, keeper.sockets[-1], self.name)

    def _failure(self, reason: str) -> CameraError:
        return CameraError(
            f"camera {self.name} cannot be opened ({reason})", hint="check its address, power and network"
        )


class MjpegCapture:
    """Connection that images come through.

    Args:
        response: answer of the server, its headers read.
        connection: socket below it.
        name: name of the camera, for messages.
    """

    def __init__(self, response: Any, connection: Any, name: str) -> None:
        self._response, self._connection, self._name = response, connection, name
        self._splitter = JpegSplitter()
        self._pauses = GapDetector()
        connection.setblocking(False)
        # What came in one piece with the headers lies in Python's buffer; after that the socket is read directly.
        with contextlib.suppress(ssl.SSLWantReadError):
            self._splitter.feed(response.fp.read(len(response.fp.peek(1))) or b"")

    def read(self) -> CapturedFrame | None:
        """Return the newest image that has arrived; None when none arrived for a second."""
        deadline = time.monotonic() + _READ_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                piece = self._connection.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError):
                select.select([self._connection], [], [], left)
                continue
            except (OSError, ValueError) as error:
                raise CameraLost(f"its connection broke ({_reason(error)})") from error
            if not piece:
                raise CameraLost("it ended the stream")
            if images := self._splitter.feed(piece):
                arrived = time.monotonic()
                if pause := self._pauses.before(arrived):
                    # Nothing tells how long what comes now had been waiting; a new connection begins with the newest.
                    raise CameraLost(f"its images paused for {pause:.1f} s")
                decode = partial(decode_jpeg, images[-1], self._name)
                return CapturedFrame(arrived, arrived, decode, count=len(images))
        return None

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._response.close()


class _Keeper:
    """Handlers for urllib that keep hold of the sockets, and ask by HTTP/1.0, in which nothing is sent in chunks."""

    def __init__(self) -> None:
        keeper = self
        self.sockets: list[Any] = []

        class Plain(http.client.HTTPConnection):
            _http_vsn, _http_vsn_str = 10, "HTTP/1.0"

            def connect(self) -> None:
                super().connect()
                keeper.sockets.append(self.sock)

        class Secure(http.client.HTTPSConnection):
            _http_vsn, _http_vsn_str = 10, "HTTP/1.0"

            def connect(self) -> None:
                super().connect()
                keeper.sockets.append(self.sock)

        class PlainHandler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(Plain, request)

        class SecureHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(Secure, request)

        self.plain, self.secure = PlainHandler(), SecureHandler()

    @staticmethod
    def close(sockets: list[Any]) -> None:
        """Close the sockets that urllib leaves to the garbage collector: those of answers that asked for a password."""
        for connection in sockets:
            if connection.fileno() >= 0:
                os.close(connection.detach())


def _logins(address: CameraUrl) -> list[urllib.request.BaseHandler]:
    # No proxy: a camera is in the house.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if address.user:
        known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        known.add_password(None, address.bare, address.user, address.password)
        handlers += [urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)]
    return handlers


def _reason(error: object) -> str:
    """Return why, in a few words; only the system's own, because others might quote the address."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _open(text: str, context: SourceContext) -> Source:
    return LiveSource(HttpCamera(CameraUrl.parse(text)), limits=context.limits)


SOURCE = SourceKind(
    form="http://..., https://...",
    help="a network camera that sends JPEG images",
    accepts=lambda text: text.lower().startswith(("http://", "https://")),
    open=_open,
    priority=0,
)
