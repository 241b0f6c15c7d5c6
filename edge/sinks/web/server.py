"""Server of the live page, for browsers, Prometheus and supervisors."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ..base import Sink, Update
from .auth import AccessControl, new_token
from .health import Health
from .listen import ListenAddress
from .metrics import CONTENT_TYPE, Metrics
from .state import LiveState, state_of

_PAGE = Path(__file__).parent / "page"
#: Files of the page by path.
_FILES = {"/": "index.html", "/app.js": "app.js", "/style.css": "style.css"}
#: Shortest time between two messages to one client: more often than a person can follow.
_PACE_S = 1 / 12
#: A client that takes nothing for so long is let go by the kernel: a phone that left the Wi-Fi, a reader that hangs.
SILENT_S = 30.0
#: What the kernel may hold for one client: two frames. More would only be older.
_BUFFER = 128 * 1024
#: Connections at a time; a browser keeps two.
_CONNECTIONS = 64

#: What emotion inference is not good for, and where it is forbidden: at the foot of the page.
#: The first: L. F. Barrett et al., Emotional Expressions Reconsidered, Psychol. Sci. Public Interest 20 (2019).
NOTICE = (
    "The labels say how a face looks to a small network, not what a person feels: people who are angry scowl in fewer "
    "than half of all cases, and scowl for other reasons. On FER-2013, the usual benchmark, networks of this size err "
    "on about three faces in ten; on other faces, ages, skins, lights and cameras more often.",
    "Do not base a decision about a person on it: not hiring, not grading, not policing, not care, not medicine.",
    "In the European Union, AI systems that infer emotions at work or in education are forbidden, except for medical "
    "or safety reasons (Regulation (EU) 2024/1689, Art. 5(1)(f)). Elsewhere, whoever uses an emotion recognition "
    "system must tell the people in front of it that it runs (Art. 50(3)) and must keep to data protection law.",
)


class WebSink:
    """Sink that serves the live page in a thread of its own.

    Args:
        address: address to listen on.
        labels: labels of the model, in the order of its card.
        title: heading, such as the names of model and source.
        token: see :class:`AccessControl`; made when None and the address is not loopback.
        privacy: no frame is kept or served.
        health: monitor that /healthz reports; None for one with the usual limit.
        silent_s: see :data:`SILENT_S`.
        announce: takes the sentence with the address once the page is served.

    Attributes:
        url: address to open, with the token; with the actual port once started.
    """

    name = "web"

    def __init__(
        self,
        address: ListenAddress,
        *,
        labels: Sequence[str],
        title: str,
        token: str | None = None,
        privacy: bool = False,
        health: Health | None = None,
        silent_s: float = SILENT_S,
        announce: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.address = address
        self.dropped = 0
        self.health = health or Health()
        self.metrics = Metrics()
        self._token = token if token is not None or address.loopback else new_token()
        self._privacy = privacy
        self._silent_s = silent_s
        self._announce = announce
        self._about = {"title": title, "labels": list(labels), "privacy": privacy, "notice": NOTICE}
        self._state_text: tuple[tuple[int, int], str] = ((0, 0), "")
        self._board = LiveState(keep_frames=not privacy)
        # Checks the token before anything is opened.
        self._guard(address)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address to open in a browser."""
        query = "" if self._token is None else f"?token={self._token}"
        return f"http://{self.address.shown()}/{query}"

    def watch(self, sinks: Sequence[Sink]) -> None:
        """Report to Prometheus what these sinks had to drop."""
        self.metrics.watch(sinks)

    def start(self) -> None:
        """Listen, and serve in a thread.

        Raises:
            EdgeemoError: the address cannot be listened on.
        """
        listener, self.address = self.address.listen()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1e3 * self._silent_s))
        config = uvicorn.Config(
            self._guard(self.address),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            http="h11",
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="sink web", daemon=True)
        self._thread.start()
        self._announce(f"Live page: {self.url}")

    def publish(self, update: Update) -> None:
        """Take an update; clients fetch what is newest, so nothing waits and nothing is dropped."""
        self.health.observe(update)
        self.metrics.observe(update)
        self._board.put(update)

    def close(self, timeout: float) -> None:
        """Disconnect all clients and stop listening."""
        self._board.end()
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(timeout)

    def _serve(self, listener: socket.socket) -> None:
        async def serve() -> None:
            self._board.attach(asyncio.get_running_loop())
            assert self._server is not None
            await self._server.serve(sockets=[listener])

        with listener:
            asyncio.run(serve())

    def _guard(self, address: ListenAddress) -> AccessControl:
        hosts = {"localhost", "127.0.0.1", "::1", address.host} if address.loopback else None
        return AccessControl(self._application(), hosts=hosts, token=self._token, cookie=f"edgeemo-{address.port}")

    def _application(self) -> Starlette:
        routes = [Route(path, _file(name)) for path, name in _FILES.items()]
        routes += [
            Route("/events", self._events),
            Route("/healthz", self._healthz),
            Route("/metrics", self._metrics),
        ]
        if not self._privacy:
            routes.append(Route("/frame.jpg", self._frame))
        return Starlette(routes=routes)

    async def _events(self, _request: Request) -> Response:
        return StreamingResponse(self._messages(), media_type="text/event-stream")

    async def _messages(self) -> AsyncIterator[str]:
        """Yield server-sent events: ``about`` once, then ``state`` as it changes and ``timeline`` as seconds pass."""
        yield _message("about", self._about)
        number = second = 0
        while (newer := await self._board.after(number)) is not None:
            number, update = newer
            yield self._state_message(number, update)
            if seconds := self._board.timeline(second):
                second = seconds[-1]["t"]
                yield _message("timeline", seconds)
            await asyncio.sleep(_PACE_S)

    def _state_message(self, number: int, update: Update) -> str:
        # Written once for all clients; but the one that is repeated tells how old it has become.
        key = number, int(time.monotonic())
        if self._state_text[0] != key:
            self._state_text = key, _message("state", state_of(number, update))
        return self._state_text[1]

    async def _frame(self, request: Request) -> Response:
        wanted = request.query_params.get("n", "")
        found = await self._board.jpeg(int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else 0)
        if found is None:
            return PlainTextResponse("There is no fresh frame.\n", 503)
        number, data = found
        return Response(data, headers={"X-Frame": str(number)}, media_type="image/jpeg")

    async def _healthz(self, _request: Request) -> Response:
        report = self.health.report()
        return JSONResponse(report.to_dict(), 200 if report.healthy else 503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(self.metrics.render(), media_type=CONTENT_TYPE)


def _file(name: str) -> Any:
    async def serve_file(_request: Request) -> Response:
        return FileResponse(_PAGE / name)

    return serve_file


def _message(kind: str, value: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n"
