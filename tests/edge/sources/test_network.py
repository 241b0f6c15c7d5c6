"""Network cameras on loopback, in this process: what is asked at the door, and what is understood."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sources import Frame, open_source
from edgeemo.edge.sources.base import SourceState
from edgeemo.edge.sources.live.limits import Backoff, Limits
from edgeemo.edge.sources.live.source import LiveSource

from ...conftest import raises
from .streams.mjpeg import MjpegServer
from .streams.rtsp import RtspServer
from .streams.scene import Scene, number_in

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

LIMITS = Limits(stall_s=0.6, frozen_s=0.5, backoff=Backoff(0.1, 0.3))
PARAMETERS = {"mjpeg": MjpegServer, "rtsp": RtspServer}


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def serve(scene: Scene) -> Iterator[Callable[..., MjpegServer | RtspServer]]:
    """Starts a server; it is stopped at the end."""
    started = []

    def start(kind: type = MjpegServer, **options: str) -> MjpegServer | RtspServer:
        started.append(kind(scene, **options))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def frames(source: LiveSource) -> Iterator[Frame]:
    return (frame for frame in source if frame is not None)


def until(source: LiveSource, passing: Iterator[Frame | None], state: SourceState) -> float:
    """Continue until the source has a state; returns the seconds that it took."""
    began = time.monotonic()
    while source.status.state is not state:
        next(passing)
        assert time.monotonic() - began < 15
    return time.monotonic() - began


@pytest.mark.parametrize("kind", PARAMETERS.values(), ids=PARAMETERS)
def test_first_frame_is_a_fresh_one(kind: type, scene: Scene, serve: Callable) -> None:
    with open_source(serve(kind).url(), limits=LIMITS) as source:
        frame = next(frames(source))
        assert scene.number - number_in(frame.image) < 0.5 * scene.rate
    assert frame.name == source.name
    assert "?" not in frame.name


def test_camera_that_goes_and_comes_back(scene: Scene, serve: Callable) -> None:
    server = serve()
    with open_source(server.url(), limits=LIMITS) as source:
        passing = iter(source)
        until(source, passing, SourceState.RUNNING)
        for fault, repair in (
            (lambda: setattr(scene, "mood", "stall"), lambda: setattr(scene, "mood", "play")),
            (server.stop, server.start),
        ):
            fault()
            assert until(source, passing, SourceState.RECONNECTING) < 2
            repair()
            assert until(source, passing, SourceState.RUNNING) < 3
    assert source.status.reconnects == 2


@pytest.mark.parametrize("login", ["me:word", "me:p%40ss%2Fword", "me:"])
def test_password_opens_the_camera(login: str, serve: Callable) -> None:
    import urllib.parse

    server = serve(login=urllib.parse.unquote(login))
    with open_source(server.url(login), limits=LIMITS) as source:
        assert next(frames(source)).name == f"http://127.0.0.1:{server.port}/cam"


@pytest.mark.parametrize("login", ["", "me:secret"])
def test_wrong_password_is_one_sentence_that_does_not_hold_it(login: str, serve: Callable) -> None:
    server = serve(login="me:word")
    with raises(EdgeemoError, problem=r"cannot be opened \(it refuses the user or password\)") as caught:
        open_source(server.url(login)).__enter__()
    assert "secret" not in str(caught.value)


def test_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from edgeemo.edge.sources import http_mjpeg as mjpeg

    monkeypatch.setattr(mjpeg, "CONNECT_S", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/cam"
        began = time.monotonic()
        with raises(EdgeemoError, problem=r"cannot be opened \(it does not answer\)"):
            open_source(url).__enter__()
        assert time.monotonic() - began < 2


def test_video_over_http_goes_to_ffmpeg(clip_avi: Path) -> None:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(clip_avi.parent))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        limits = Limits(stall_s=5, frozen_s=0, retries=0)
        url = f"http://127.0.0.1:{server.server_address[1]}/{clip_avi.name}"
        with open_source(url, limits=limits) as source, raises(EdgeemoError, problem="did not come back"):
            # A file is read faster than it plays, so it is never known to be at its live end.
            list(source)
        assert source.status.dropped > 0
    finally:
        server.shutdown()
        server.server_close()


def test_no_image_at_all_is_the_end_when_attempts_are_limited(scene: Scene, serve: Callable) -> None:
    scene.mood = "stall"
    limits = Limits(stall_s=0.3, retries=1, backoff=Backoff(0.05, 0.05))
    with (
        open_source(serve().url(), limits=limits) as source,
        raises(EdgeemoError, problem=r"is lost and did not come back in 1 attempt \(no image for 0\.3 s\)"),
    ):
        list(source)
