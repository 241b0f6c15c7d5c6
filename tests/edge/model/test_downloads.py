"""Files fetched once: from a real server on loopback, with what servers and lines do wrong."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import FileError, OptionError
from edgeemo.edge.common.files import sha256
from edgeemo.edge.model import downloads
from edgeemo.edge.model.downloads import Download, cached, fetch, find_download

from ...conftest import raises

DATA = bytes(range(256)) * 2_000
DOWNLOAD = Download("toy", "toy.bin", sha256(DATA), len(DATA), (), "MIT")


@dataclass
class Server:
    """A file server whose faults are chosen before it is asked.

    Args:
        cut: bytes after which the connection of the first request is closed; None for a whole answer.
        ranges: answer requests for the rest of the file.
        data: what it serves.
        endless: never stop sending.
    """

    cut: int | None = None
    ranges: bool = True
    data: bytes = DATA
    endless: bool = False
    asked: list[str | None] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if self.path != "/toy.bin":
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            body = state.data[start:]
            self.send_response(206 if start else 200)
            if not state.endless:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.cut is not None:
                body, state.cut = body[: state.cut], None
            self.wfile.write(body)
            while state.endless:
                try:
                    self.wfile.write(body)
                except OSError:
                    return

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}/toy.bin"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("EDGEEMO_CACHE", str(folder))
    return folder


@pytest.fixture
def closed_port() -> Callable[[], str]:
    """Return an address on loopback that nobody listens at."""

    def address() -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{probe.getsockname()[1]}/toy.bin"

    return address


def test_a_file_is_fetched_once(server: Server, cache: Path) -> None:
    shown: list[tuple[int, int]] = []
    path = fetch(DOWNLOAD, addresses=[server.address], progress=lambda done, total: shown.append((done, total)))
    assert path == cache / "toy.bin"
    assert path.read_bytes() == DATA
    assert shown[-1] == (len(DATA), len(DATA))
    assert fetch(DOWNLOAD, addresses=[server.address]) == path
    assert len(server.asked) == 1
    assert not list(cache.glob("*.part"))


def test_a_cut_download_continues_in_a_later_call(server: Server, cache: Path) -> None:
    server.cut = 100_000
    with pytest.raises(FileError) as caught:
        fetch(DOWNLOAD, addresses=[server.address])
    assert "127.0.0.1" in caught.value.problem
    assert (cache / "toy.bin.part").stat().st_size == 100_000
    assert fetch(DOWNLOAD, addresses=[server.address]).read_bytes() == DATA
    assert server.asked == [None, "bytes=100000-"]


def test_a_server_that_does_not_continue_sends_all_again(server: Server) -> None:
    server.cut, server.ranges = 100_000, False
    with pytest.raises(FileError):
        fetch(DOWNLOAD, addresses=[server.address])
    assert fetch(DOWNLOAD, addresses=[server.address]).read_bytes() == DATA


def test_the_next_address_continues_what_the_first_began(server: Server) -> None:
    server.cut = 50_000
    assert fetch(DOWNLOAD, addresses=[server.address, server.address]).read_bytes() == DATA
    assert server.asked == [None, "bytes=50000-"]


def test_a_damaged_beginning_is_not_kept(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "toy.bin.part").write_bytes(b"\xff" * 1_000)
    with raises(FileError, problem="another file"):
        fetch(DOWNLOAD, addresses=[server.address])
    assert fetch(DOWNLOAD, addresses=[server.address]).read_bytes() == DATA


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "toy.bin").write_bytes(DATA[:-1] + b"x")
    assert fetch(DOWNLOAD, addresses=[server.address]).read_bytes() == DATA


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("hash", "another file", id="wrong hash"),
        pytest.param("endless", "another file", id="endless"),
        pytest.param("absent", "404 Not Found", id="absent"),
        pytest.param("offline", "refused", id="offline"),
        pytest.param("no address", "unknown url type", id="no address"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence_with_file_hash_and_folder(
    server: Server, closed_port: Callable[[], str], cache: Path, fault: str, reason: str
) -> None:
    address = server.address
    if fault == "hash":
        server.data = DATA[:-1] + b"x"
    elif fault == "endless":
        server.endless = True
    elif fault == "absent":
        address = address.replace("toy", "nothing")
    elif fault == "offline":
        address = closed_port()
    else:
        address = "toy.bin"
    with pytest.raises(FileError) as caught:
        fetch(DOWNLOAD, addresses=[address])
    assert reason in caught.value.problem
    assert "toy.bin" in caught.value.problem
    assert caught.value.hint is not None
    assert DOWNLOAD.sha256 in caught.value.hint
    assert str(cache) in caught.value.hint
    assert not (cache / "toy.bin").exists()


def test_two_processes_do_not_fetch_at_once(server: Server, cache: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    cache.mkdir()
    with (cache / "toy.bin.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with raises(FileError, problem="being fetched by another process"):
            fetch(DOWNLOAD, addresses=[server.address])
    assert not server.asked


def test_a_cache_that_cannot_be_written_is_named(server: Server, cache: Path) -> None:
    cache.write_text("a file")
    with raises(FileError, problem="cannot be written"):
        fetch(DOWNLOAD, addresses=[server.address])


def test_the_cache_is_the_user_s_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDGEEMO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert downloads.cache_folder() == tmp_path / "xdg" / "edgeemo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert downloads.cache_folder() == tmp_path / ".cache" / "edgeemo"


def test_an_unknown_name_names_the_known_ones() -> None:
    with raises(OptionError, expected="one of yunet"):
        find_download("yunnet")
    assert cached("yunet") is None


@pytest.mark.skipif("EDGEEMO_YUNET" not in os.environ, reason="EDGEEMO_YUNET is not set")
def test_yunet_is_fetched_and_then_chosen_by_its_name(tmp_path: Path) -> None:
    from edgeemo.edge.faces.registry import open_detector

    published = Path(os.environ["EDGEEMO_YUNET"])
    with pytest.raises(FileError) as caught:
        open_detector("yunet")
    assert caught.value.hint is not None
    assert "edgeemo models fetch yunet" in caught.value.hint
    result = CliRunner().invoke(edgeemo, ["models", "fetch", "yunet", "--from", published.resolve().as_uri()])
    assert result.exit_code == 0, result.output
    assert "232,589 bytes, MIT license" in result.output
    assert open_detector("yunet").name == "yunet"


def test_the_command_says_what_went_wrong(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "DOWNLOADS", {"yunet": replace(DOWNLOAD, addresses=(server.address + "x",))})
    result = CliRunner().invoke(edgeemo, ["models", "fetch", "yunet"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: toy.bin cannot be fetched (127.0.0.1:")
    assert "Traceback" not in result.output
