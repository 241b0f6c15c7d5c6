"""Access to the live page: on a loopback address for everybody on this machine, elsewhere with the token."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...common.errors import OptionError

#: A token that somebody chose is at least so long.
TOKEN_LENGTH = 16
#: Paths without a token: a supervisor asks, and they tell nothing about anybody.
OPEN = ("/healthz",)
#: Nothing from elsewhere is loaded, and no other site may frame, embed or cache anything of this one.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """Return a token that cannot be guessed: 128 random bits."""
    return secrets.token_urlsafe(16)


class AccessControl:
    """ASGI middleware that passes a request on to ``app``, or refuses it.

    Args:
        app: application to protect.
        hosts: allowed values of the Host header. A page of another site whose name was turned to point here (DNS
            rebinding) asks for that name. None for any: then the token, in a cookie that belongs to a name, protects.
        token: asked for when given, as ``?token=``, as a bearer, or in the cookie that the first sets.
        cookie: name of the cookie.

    Raises:
        EdgeemoError: a token that is too short.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] | None, token: str | None, cookie: str) -> None:
        if token is not None and len(token) < TOKEN_LENGTH:
            raise OptionError("the token of the web page is too short", expected=f"{TOKEN_LENGTH} characters or more")
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This page answers to localhost only.\n", 421)
        if self._token is None or scope["path"] in OPEN:
            return None
        query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self._right(query):
            if scope["path"] != "/":
                return None
            # Into a cookie with it: an address with a token in it ends up in histories.
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, query, httponly=True, samesite="strict", max_age=30 * 24 * 3600)
            return answer
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._right(bearer) or self._right(self._cookie_of(headers.get("cookie", ""))):
            return None
        text = "A token is needed: open the address that edgeemo printed when it was started.\n"
        return PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})

    def _cookie_of(self, header: str) -> str:
        try:
            morsel = SimpleCookie(header).get(self._cookie)
        except CookieError:
            return ""
        return "" if morsel is None else morsel.value

    def _right(self, given: str) -> bool:
        # In constant time; bytes, because compare_digest takes only ASCII as text.
        assert self._token is not None
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._token.encode())


def _name(host: str) -> str:
    """Return the Host header without its port and brackets."""
    if host.startswith("["):
        return host[1:].split("]", maxsplit=1)[0].lower()
    return host.rsplit(":", 1)[0].lower()
