"""The page over real sockets and in a real browser."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ....conftest import raises

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sinks.base import SourceState, Update
from edgeemo.edge.sinks.web.health import Health
from edgeemo.edge.sinks.web.listen import ListenAddress
from edgeemo.edge.sinks.web.server import NOTICE, WebSink

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

Make = Callable[..., Update]
Serve = Callable[..., WebSink]
TOKEN = "a-token-of-22-letters."
#: What the clients of a test hold open; closed at its end.
OPEN = ExitStack()


@pytest.fixture
def serve() -> Iterator[Callable[..., WebSink]]:
    """Starts pages on free ports; all are closed at the end."""
    with ExitStack() as stack:

        def serve_web(**options: Any) -> WebSink:
            address = ListenAddress(options.pop("host", "127.0.0.1"), 0)
            web = WebSink(address, labels=("happy", "neutral"), title="tiny on /dev/video0", **options)
            web.start()
            stack.callback(web.close, 5)
            return web

        with OPEN:
            yield serve_web


def get(web: WebSink, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", web.address.port, timeout=10)
    OPEN.callback(connection.close)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    OPEN.callback(answer.close)
    return answer


def messages(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    """The server-sent events of an answer: kind and value."""
    kind = ""
    while line := answer.readline().decode():
        if line.startswith("event: "):
            kind = line[7:].strip()
        elif line.startswith("data: "):
            yield kind, json.loads(line[6:])


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css"), ("/metrics", "text/plain")],
)
def test_what_is_served_may_not_be_embedded_or_kept(serve: Serve, path: str, kind: str) -> None:
    answer = get(serve(), path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_page_takes_nothing_from_elsewhere(serve: Serve) -> None:
    web = serve()
    for path in ("/", "/app.js", "/style.css"):
        text = get(web, path).read().decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "")


def test_events_tell_the_newest(serve: Serve, update: Make) -> None:
    web = serve()
    for index in range(5):
        web.publish(update(index))
    stream = messages(get(web, "/events"))
    kind, about = next(stream)
    assert kind == "about"
    assert about == {
        "title": "tiny on /dev/video0",
        "labels": ["happy", "neutral"],
        "privacy": False,
        "notice": [*NOTICE],
    }
    kind, state = next(stream)
    assert (kind, state["n"], state["state"], state["size"]) == ("state", 5, "running", [160, 120])
    assert state["faces"][0]["box"] == [10, 10, 40, 40]
    assert state["faces"][0]["probabilities"] == {"happy": 0.75, "neutral": 0.25}
    assert state["ms"]["total"] == 21.75
    web.publish(update(None, state=SourceState.RECONNECTING, reason="no frame for 5 s"))
    state = next(value for kind, value in stream if kind == "state" and value["n"] == 6)
    assert (state["state"], state["reason"], state["faces"]) == ("reconnecting", "no frame for 5 s", [])


def test_silence_of_the_loop_shows_as_age(serve: Serve, update: Make) -> None:
    web = serve()
    web.publish(update(0))
    states = (value for kind, value in messages(get(web, "/events")) if kind == "state")
    ages = [next(states)["age"] for _ in range(2)]
    assert ages[1] >= 1.9


def test_timeline_has_the_seconds_that_are_over(serve: Serve, update: Make) -> None:
    web = serve()
    now = time.monotonic()
    # The system's clock is set back by a day meanwhile.
    for past, wall, message in [
        (400, 0, update(0)),
        (3, 0, update(1, faces=2)),
        (2, -86_400, update(None, state=SourceState.FROZEN)),
        (0, -86_400, update(2)),
    ]:
        web.publish(dataclasses.replace(message, monotonic=now - past, wall_time=time.time() - past + wall))
    seconds = next(value for kind, value in messages(get(web, "/events")) if kind == "timeline")
    assert [(second["state"], second["faces"]) for second in seconds[-2:]] == [("running", 2), ("frozen", 0)]
    assert seconds[-2]["probabilities"] == {"happy": 0.75, "neutral": 0.25}


def test_frame_is_the_one_asked_for_or_the_newest(serve: Serve, update: Make) -> None:
    web = serve()
    assert get(web, "/frame.jpg").status == 503
    for index in range(3):
        web.publish(update(index, image=np.full((1200, 1600, 3), (200, 10 * index, 30), np.uint8)))
    for wanted, number in (("2", 2), ("3", 3), ("99", 3), ("x", 3), ("9" * 40, 3), ("%C2%B2", 3)):
        answer = get(web, f"/frame.jpg?n={wanted}")
        assert (answer.status, answer.headers["X-Frame"]) == (200, str(number))
        image = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert image.shape == (720, 960, 3)
        assert np.abs(image.mean(axis=(0, 1)) - (200, 10 * (number - 1), 30)).max() < 3


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"index": None, "state": SourceState.RECONNECTING}, id="lost"),
        pytest.param({"index": None, "state": SourceState.BLACK}, id="black"),
        pytest.param({"index": None, "at": 0.0}, id="running, but the frames are old"),
    ],
)
def test_old_frame_is_not_shown_as_the_present(serve: Serve, update: Make, message: dict[str, Any]) -> None:
    web = serve()
    web.publish(update(0, at=time.monotonic() - (60 if "at" in message else 0)))
    web.publish(update(**message))
    assert get(web, "/frame.jpg").status == 503


def test_privacy_serves_no_frame(serve: Serve, update: Make) -> None:
    web = serve(privacy=True)
    web.publish(update(0))
    assert get(web, "/frame.jpg").status == 404
    assert not web._board._frames
    stream = messages(get(web, "/events"))
    assert next(stream)[1]["privacy"] is True
    assert next(stream)[1]["faces"][0]["label"] == "happy"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(serve: Serve, host: str, status: int) -> None:
    web = serve()
    for path in ("/", "/events", "/frame.jpg", "/healthz", "/metrics"):
        answer = get(web, path, Host=host.format(port=web.address.port))
        assert (answer.status == 421) == (status == 421), path


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "edgeemo=\xff"}], ids=str)
def test_beyond_loopback_nothing_is_told_without_the_token(serve: Serve, headers: dict[str, str]) -> None:
    web = serve(host="0.0.0.0", token=TOKEN)
    for path in ("/", "/app.js", "/events", "/frame.jpg", "/metrics", "/absent"):
        answer = get(web, f"{path}?token={TOKEN[:-1]}", **headers)
        assert answer.status == 401, path
        assert TOKEN not in answer.read().decode()


def test_token_becomes_a_cookie(serve: Serve) -> None:
    web = serve(host="0.0.0.0", token=TOKEN)
    answer = get(web, f"/?token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert get(web, "/", Cookie=cookie.split(";")[0]).status == 200
    assert get(web, "/metrics", Authorization=f"Bearer {TOKEN}").status == 200
    assert get(web, f"/metrics?token={TOKEN}").status == 200
    assert get(web, "/healthz").status == 503


def test_token_is_made_beyond_loopback_only(serve: Serve) -> None:
    one, two = serve(host="0.0.0.0"), serve(host="0.0.0.0")
    tokens = [web.url.partition("?token=")[2] for web in (one, two)]
    assert all(len(token) >= 22 for token in tokens)
    assert tokens[0] != tokens[1]
    assert get(one, "/").status == 401
    assert get(one, f"/?token={tokens[0]}").status == 303
    assert "token" not in serve().url


def test_post_is_refused(serve: Serve) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve().address.port, timeout=10)
    connection.request("POST", "/events", body=b"x" * 10)
    with closing(connection), connection.getresponse() as answer:
        assert answer.status == 405


def test_health_turns_red_and_green_again(serve: Serve, update: Make) -> None:
    web = serve(health=Health(within_s=0.6))
    assert json.loads(get(web, "/healthz").read()) == {"healthy": False, "state": "starting", "age": None}
    web.publish(update(0))
    assert get(web, "/healthz").status == 200
    # The camera is there, but nothing is classified.
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        web.publish(update(None, state=SourceState.BLACK))
        time.sleep(0.05)
    answer = get(web, "/healthz")
    assert (answer.status, json.loads(answer.read())["state"]) == (503, "black")
    web.publish(update(1))
    assert get(web, "/healthz").status == 200
    web.publish(update(None, state=SourceState.ENDED))
    assert get(web, "/healthz").status == 503


def test_metrics_count(serve: Serve, update: Make) -> None:
    web = serve()
    web.watch([web])
    web.dropped = 4
    for index in range(3):
        web.publish(update(index, faces=2))
    web.publish(update(None, state=SourceState.RECONNECTING))
    text = get(web, "/metrics").read().decode()
    for line in (
        "edgeemo_frames_total 3.0",
        'edgeemo_faces_total{label="happy"} 6.0',
        "edgeemo_tracks 2.0",
        'edgeemo_stage_seconds_sum{stage="detect"} 0.06',
        'edgeemo_stage_seconds_count{stage="invoke"} 3.0',
        'edgeemo_source_state{edgeemo_source_state="reconnecting"} 1.0',
        'edgeemo_source_state{edgeemo_source_state="running"} 0.0',
        "edgeemo_reconnects_total 2.0",
        "edgeemo_frames_dropped_total 3.0",
        'edgeemo_sink_dropped_total{sink="web"} 4.0',
    ):
        assert line in text.splitlines()


def test_clients_that_never_read_cost_neither_time_nor_memory(
    serve: Serve, update: Make, eventually: Callable[..., bool]
) -> None:
    web = serve(silent_s=1.0)
    deaf = []
    for path in ("/events", "/frame.jpg") * 4:
        client = socket.create_connection(("127.0.0.1", web.address.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # Many requests in one connection, none of whose answers is ever read.
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 200)
        deaf.append(client)
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    slowest = 0.0
    for index in range(100):
        message = update(index, image=noise, faces=20)
        began = time.perf_counter()
        web.publish(message)
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.01)
    assert slowest < 0.5
    assert len(web._board._frames) <= 8
    # Others are served as before, and the kernel lets the deaf go.
    assert get(web, "/frame.jpg").status == 200
    server = web._server
    assert server is not None

    # The four that asked for frames; events are small, and fill the kernel's buffers in their own time.
    def gone() -> bool:
        web.publish(update(0, image=noise, faces=20))
        return len(server.server_state.connections) <= 5

    assert eventually(gone, 30)
    for client in deaf:
        client.close()


def test_many_clients_see_the_same(serve: Serve, update: Make) -> None:
    web = serve()
    streams = [messages(get(web, "/events")) for _ in range(10)]
    for stream in streams:
        next(stream)
    web.publish(update(0))
    assert [next(stream)[1]["n"] for stream in streams] == [1] * 10


def test_close_lets_waiting_clients_go_at_once(serve: Serve, update: Make) -> None:
    web = serve()
    web.publish(update(0))
    stream = messages(get(web, "/events"))
    next(stream)
    began = time.monotonic()
    web.close(2)
    assert time.monotonic() - began < 1.5
    assert [kind for kind, _ in stream].count("state") <= 2
    with pytest.raises(OSError, match="refused"):
        get(web, "/")


def test_publish_from_many_threads_is_safe(serve: Serve, update: Make) -> None:
    web = serve()
    threads = [threading.Thread(target=lambda: [web.publish(update(i)) for i in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream = messages(get(web, "/events"))
    next(stream)
    assert next(stream)[1]["n"] == 200


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:0", "::1", 0), ("pi.local:80", "pi.local", 80)],
)
def test_address(text: str, host: str, port: int) -> None:
    assert ListenAddress.parse(text) == ListenAddress(host, port)
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize("text", ["", "8080", ":8080", "::1:8080", "h:x", "h:99999", "http://h:80", "h:80/", "h:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with raises(EdgeemoError, problem="not an address for --web$", expected="^HOST:PORT, such as"):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("::", False),
        ("localhost.evil.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert ListenAddress(host, 80).loopback is loopback


def test_port_that_is_taken_is_one_sentence(serve: Serve) -> None:
    taken = serve().address
    with raises(EdgeemoError, problem=rf"cannot listen on {taken} \(Address already in use\)", hint="^choose another"):
        WebSink(taken, labels=(), title="").start()


def test_host_that_is_not_ours_is_one_sentence() -> None:
    with raises(EdgeemoError, problem=r"the web page cannot listen on 192\.0\.2\.1:80"):
        WebSink(ListenAddress("192.0.2.1", 80), labels=(), title="").start()


def test_short_token_is_refused() -> None:
    with raises(EdgeemoError, problem="token of the web page is too short$", expected="^16 characters or more"):
        WebSink(ListenAddress("0.0.0.0", 0), labels=(), title="", token="secret")


def test_no_time_to_be_healthy_is_refused() -> None:
    with raises(EdgeemoError, problem="healthy out of range"):
        Health(within_s=0)


@pytest.fixture
def feed(update: Make) -> Iterator[Callable[..., None]]:
    """Publishes frames at 20 a second until the end of the test, or until told otherwise."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def feed_web(web: WebSink | None, **options: Any) -> None:
        stop.set()
        for thread in threads:
            thread.join()
        stop.clear()
        if web is None:
            return

        def run() -> None:
            index = 0
            while not stop.wait(0.05):
                web.publish(update(index, shape=(480, 640), **options))
                index += 1

        threads[:] = [threading.Thread(target=run)]
        threads[0].start()

    yield feed_web
    feed_web(None)


def test_page_shows_what_is_published(
    serve: Serve, update: Make, feed: Callable[..., None], browser: Any, tmp_path: Path
) -> None:
    web = serve(host="0.0.0.0", token=TOKEN)
    red = np.full((480, 640, 3), (200, 30, 40), np.uint8)
    feed(web, faces=2, image=red)
    browser.open(f"http://127.0.0.1:{web.address.port}/?token={TOKEN}")
    pixel = "[...document.getElementById('view').getContext('2d').getImageData(600, 400, 1, 1).data].slice(0, 3)"
    browser.wait(f"{pixel}[0] > 150")
    assert np.abs(np.subtract(browser.ask(pixel), (200, 30, 40))).max() < 6
    text = browser.ask("document.body.innerText")
    for part in (
        "tiny on /dev/video0",
        "running",
        "12.5 frames/s",
        "face 7 · 75 %",
        "face 8",
        "detect",
        "Art. 5(1)(f)",
    ):
        assert part in text
    # The token is nowhere to be seen or copied.
    assert TOKEN not in browser.ask("location.href + document.cookie + document.documentElement.outerHTML")
    box = "[...document.getElementById('view').getContext('2d').getImageData(10, 30, 1, 1).data].slice(0, 3)"
    assert browser.ask(box) == [0xE6, 0x9F, 0x00]
    timeline = "document.getElementById('timeline')"
    browser.wait(f"{timeline}.getContext('2d').getImageData({timeline}.width - 2, 110, 1, 1).data[3] > 0")

    browser.size(390, 844, phone=True, dark=True)
    browser.wait("innerWidth === 390 && document.documentElement.scrollWidth <= 390")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(20, 21, 23)"

    feed(None)
    web.publish(update(None, state=SourceState.RECONNECTING, reason="the camera has gone"))
    browser.wait("document.body.innerText.includes('the camera has gone')")
    assert browser.ask(pixel) == [0x1B, 0x1C, 0x1E]
    assert "No face detected." in browser.ask("document.body.innerText")

    web.close(2)
    browser.wait("document.body.innerText.includes('no connection to the runner')")
    # The server has gone, the frame had gone, and reading pixels as often as this test does is slow: nothing else.
    known = ("ERR_", "status of 503", "willReadFrequently")
    assert [text for text in browser.complaints if not any(part in text for part in known)] == []


def test_page_under_privacy_shows_boxes_on_blank(serve: Serve, feed: Callable[..., None], browser: Any) -> None:
    web = serve(privacy=True)
    feed(web)
    browser.open(web.url)
    browser.wait("document.body.innerText.includes('no image leaves the device')")
    data = "document.getElementById('view').getContext('2d').getImageData({}, {}, {}, {}).data"
    assert browser.ask(f"new Set(new Uint32Array({data.format(200, 200, 400, 200)}.buffer)).size") == 1
    assert browser.ask(f"{data.format(10, 30, 1, 1)}[0]") == 0xE6
    assert (
        browser.ask("performance.getEntriesByType('resource').some((entry) => entry.name.includes('frame'))") is False
    )
    assert [text for text in browser.complaints if "willReadFrequently" not in text] == []


def test_page_says_when_the_loop_is_silent(serve: Serve, update: Make, browser: Any) -> None:
    web = serve()
    web.publish(update(0, at=time.monotonic() - 9))
    browser.open(web.url)
    browser.wait("document.body.innerText.includes('No update from the runner for')")
    assert "happy" not in browser.ask("document.getElementById('faces').innerText")
