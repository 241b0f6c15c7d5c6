"""Datagrams to a real socket, as systemd would get them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeemo.edge.runner.systemd import Watchdog

Hear = Callable[[], list[str]]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def hear(path: str) -> Iterator[Hear]:
    """Gives what has come since the last time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.setblocking(False)

        def messages() -> list[str]:
            found = []
            while True:
                try:
                    found.append(manager.recv(1000).decode())
                except BlockingIOError:
                    return found

        yield messages


def test_messages_are_those_of_the_protocol(path: str, hear: Hear) -> None:
    watchdog = Watchdog(path, period_s=30)
    watchdog.ready()
    watchdog.status("two\nlines")
    watchdog.status("two\nlines")
    watchdog.alive()
    watchdog.stopping()
    watchdog.close()
    assert hear() == ["READY=1", "STATUS=two lines", "WATCHDOG=1", "STOPPING=1"]


def test_signs_of_life_are_no_more_than_needed(path: str, hear: Hear) -> None:
    watchdog = Watchdog(path, period_s=0.3)
    end = time.monotonic() + 0.35
    while time.monotonic() < end:
        watchdog.alive()
    watchdog.close()
    assert 2 <= len(hear()) <= 5


def test_abstract_socket_is_reached() -> None:
    name = f"\0edgeemo-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(5)
        watchdog = Watchdog("@" + name[1:])
        watchdog.ready()
        watchdog.close()
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nonexistent/notify"])
def test_nobody_who_listens_is_no_error(address: str) -> None:
    watchdog = Watchdog(address, period_s=0.01)
    watchdog.ready()
    watchdog.alive()
    watchdog.close()


def test_full_socket_does_not_keep_us(path: str, hear: Hear) -> None:
    watchdog = Watchdog(path)
    began = time.monotonic()
    for number in range(2000):
        watchdog.status(str(number))
    watchdog.close()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "nonsense"}, 0.0),
    ],
)
def test_period_is_what_systemd_set(environment: dict[str, str], period_s: float) -> None:
    assert Watchdog.from_environment(environment).period_s == period_s
