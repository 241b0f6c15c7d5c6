"""Live page: options of the sink; server, state, access, health and metrics are the modules beside."""

from __future__ import annotations

import os

import click

from ...common.errors import FileError
from ...common.files import existing
from ..base import Sink, SinkContext, SinkKind
from .health import WITHIN_S

#: The token of the page, for those who do not want another one at each start; on a command line all would see it.
TOKEN, TOKEN_FILE = "EDGEEMO_WEB_TOKEN", "EDGEEMO_WEB_TOKEN_FILE"


def _open(context: SinkContext, *, web: str, healthy_within: float = WITHIN_S) -> Sink:
    # Not at the top: the options are declared without a server.
    from .health import Health
    from .listen import ListenAddress
    from .server import WebSink

    sink = WebSink(
        ListenAddress.parse(web),
        labels=context.labels,
        title=context.title,
        token=_token(),
        privacy=context.privacy,
        health=Health(within_s=healthy_within),
        announce=context.announce,
    )
    sink.watch(context.sinks)
    return sink


def _token() -> str | None:
    name = os.environ.get(TOKEN_FILE)
    if not name:
        return os.environ.get(TOKEN) or None
    try:
        return existing(name, f"a token ({TOKEN_FILE})").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{name} cannot be read as a token", hint=f"check {TOKEN_FILE}") from error


SINK = SinkKind(
    options=(
        click.Option(
            ["--web"],
            metavar="HOST:PORT",
            help="Serve a live page, /metrics and /healthz, such as 127.0.0.1:8080. Beyond this machine it asks for a "
            f"token, which is printed, or taken from the environment ({TOKEN} or {TOKEN_FILE}).",
        ),
        click.Option(
            ["--healthy-within"],
            type=click.FloatRange(min=0, min_open=True),
            default=WITHIN_S,
            show_default=True,
            metavar="S",
            help="/healthz turns red when no fresh frame was classified for S seconds.",
        ),
    ),
    open=_open,
    private=True,
    extra="web",
)
