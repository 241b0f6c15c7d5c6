"""``edgeemo run`` with its page and a camera that comes and goes, as a process of its own."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    with connection.getresponse() as answer:
        found = answer.status, answer.read()
    connection.close()
    return found


def test_page_of_a_camera_that_is_unplugged_and_back_and_the_end_under_load(
    start: Any, fake_camera: Any, tiny_int8: Path, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    out, video = tmp_path / "lines.jsonl", tmp_path / "run.avi"
    arguments = ("--web", "127.0.0.1:0", "--healthy-within", "1", "--out", out, "--video", video, "--stall-after", "1")
    process = start(
        "-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", *arguments, env=fake_camera.env
    )
    line = process.stderr.readline()
    found = re.fullmatch(r"Live page: http://127\.0\.0\.1:(\d+)/\n", line)
    assert found is not None, line
    port = int(found[1])
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert eventually(lambda: get(port, "/healthz")[0] == 200, 20)
    assert get(port, "/frame.jpg")[0] == 200

    fake_camera.be("unplug")
    assert eventually(lambda: get(port, "/healthz")[0] == 503, 10)
    assert eventually(lambda: json.loads(get(port, "/healthz")[1])["state"] == "reconnecting", 10)
    assert get(port, "/frame.jpg")[0] == 503
    fake_camera.be("play")
    assert eventually(lambda: get(port, "/healthz")[0] == 200, 20)
    reconnects = re.search(rb"edgeemo_reconnects_total (\d+)", get(port, "/metrics")[1])
    assert reconnects is not None
    assert int(reconnects[1]) >= 1

    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 2
    deaf.close()
    lines = [json.loads(text) for text in out.read_text().splitlines()]
    assert [one["state"] for one in lines if one["type"] == "status"] == ["reconnecting"]
    assert lines[-1]["tracks"][0]["face"] == 0
    assert video.stat().st_size > 10_000
