"""A module in a process of its own: answers, notes, errors, crashes, waits that end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import DelegateError, EdgeemoError, MissingExtraError
from edgeemo.edge.inference.child_process import ChildGone, ChildProcess

pytestmark = pytest.mark.native("starts processes of its own")

CHILD = """
import os, sys, time
from edgeemo.edge.common.errors import DelegateError, MissingExtraError
from edgeemo.edge.inference.child_process import serve

def answer(request, note):
    if isinstance(request, bytes):
        return request[::-1]
    match request["do"]:
        case "note":
            note({"step": 1})
            note({"step": 2})
            return {"steps": 2}
        case "print":
            print("talk of a library")
            return {}
        case "refuse":
            raise DelegateError("it refuses", expected="a", got="b", hint="c")
        case "lack":
            raise MissingExtraError("sklearn", "evaluate")
        case "exit":
            print("the last words", file=sys.stderr)
            sys.stderr.flush()
            os._exit(7)
        case "abort":
            os.abort()
        case "hang":
            time.sleep(60)

serve(answer)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildProcess]:
    (tmp_path / "childs_module.py").write_text(CHILD)
    monkeypatch.syspath_prepend(tmp_path)
    started = ChildProcess("childs_module", capture=True)
    yield started
    started.close()


def test_json_and_bytes_are_answered(child: ChildProcess) -> None:
    notes: list[object] = []
    assert child.request({"do": "note"}, on_note=notes.append) == {"steps": 2}
    assert notes == [{"step": 1}, {"step": 2}]
    # More than a pipe holds, both ways.
    assert child.request(bytes(range(256)) * 4096) == bytes(reversed(range(256))) * 4096


def test_what_libraries_print_is_no_answer(child: ChildProcess) -> None:
    assert child.request({"do": "print"}) == {}


@pytest.mark.parametrize(
    ("what", "kind", "fields"),
    [
        ("refuse", DelegateError, ("it refuses", "a", "b", "c")),
        ("lack", MissingExtraError, ("this needs the package 'sklearn', which is not installed", None, None, ...)),
    ],
)
def test_an_error_arrives_with_its_class_and_fields(
    child: ChildProcess, what: str, kind: type[EdgeemoError], fields: tuple[object, ...]
) -> None:
    with pytest.raises(kind) as caught:
        child.request({"do": what})
    error = caught.value
    found = (error.problem, error.expected, error.got, error.hint if fields[3] is not ... else ...)
    assert found == fields
    assert type(error) is kind
    # It is ready for the next request.
    assert child.request(b"abc") == b"cba"


@pytest.mark.parametrize(
    ("what", "reason", "status", "line"),
    [
        ("exit", r"ended its process \(code 7\)", 7, "the last words"),
        ("abort", r"crashed its runtime \(signal 6\)", -6, ""),
    ],
)
def test_the_end_of_a_child_has_its_reason(child: ChildProcess, what: str, reason: str, status: int, line: str) -> None:
    with pytest.raises(ChildGone, match=reason) as caught:
        child.request({"do": what})
    assert caught.value.status == status
    assert caught.value.last_line == line


def test_a_wait_ends(child: ChildProcess) -> None:
    began = time.monotonic()
    with pytest.raises(ChildGone, match=r"gave no answer within 0\.5 s"):
        child.request({"do": "hang"}, seconds=0.5)
    assert time.monotonic() - began < 5


def test_a_stop_ends_a_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "childs_module.py").write_text(CHILD)
    monkeypatch.syspath_prepend(tmp_path)
    stop_at = time.monotonic() + 0.5
    child = ChildProcess("childs_module", stopping=lambda: time.monotonic() > stop_at)
    try:
        with pytest.raises(ChildGone):
            child.request({"do": "hang"}, seconds=60)
        assert time.monotonic() - stop_at < 5
    finally:
        child.close()
