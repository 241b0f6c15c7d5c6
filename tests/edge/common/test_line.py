"""The line that says what is being done."""

from __future__ import annotations

import pytest

from edgeemo.edge.line import Line


def test_a_pipe_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Line() as line:
        line.tell("batch 1 of 2")
    assert capsys.readouterr().err == ""


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with Line(every=60) as line:
        for number in range(1, 7):
            now += 25.0
            line.tell(f"batch {number}")
    assert capsys.readouterr().err == "batch 3\nbatch 6\n"


def test_quiet_is_quiet_in_a_log_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Line(quiet=True, every=1e-9) as line:
        line.tell("batch 1 of 2")
    assert capsys.readouterr().err == ""
