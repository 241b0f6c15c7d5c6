"""Progress and the process's own streams, also where it was started without them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from edgeemo.edge.common.console import Progress, quiet_native, reader_may_leave


def test_native_chatter_is_not_heard_and_ours_is(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_native():
        os.write(2, b"chatter")
    print("ours", file=sys.stderr)
    assert capfd.readouterr().err == "ours\n"


@pytest.mark.parametrize(("stream", "context"), [("stderr", quiet_native), ("stdout", reader_may_leave)])
def test_stream_that_was_closed_at_the_start_is_left_alone(
    stream: str,
    context: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, stream, None)
    with context():
        # The number may belong to another file by now.
        os.write(2, b"a file of somebody's")
    assert capfd.readouterr().err == "a file of somebody's"


def test_a_pipe_gets_nothing_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update("batch 1 of 2")
    assert capsys.readouterr().err == ""


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with Progress(every=60) as progress:
        for number in range(1, 7):
            now += 25.0
            progress.update("batch", number, 2000)
    assert capsys.readouterr().err == "batch: 3 of 2,000\nbatch: 6 of 2,000\n"


def test_finished_work_is_shown_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for number in range(1, 4):
            progress.update("load", number, 3)
        progress.print("loaded")
    assert capsys.readouterr().err == "load: 3 of 3\nloaded\n"


@pytest.mark.parametrize(("options", "shown"), [({"quiet": True}, ""), ({"plain": False}, "epoch 1\n")])
def test_plain_lines_can_be_left_out(
    options: dict[str, bool], shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: bool(options.get("quiet")), raising=False)
    with Progress(**options, every=1e-9) as progress:  # type: ignore[arg-type]
        progress.update("batch", 1, 2)
        progress.print("epoch 1")
    assert capsys.readouterr().err == shown


def test_a_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    code = (
        "import time\n"
        "from edgeemo.edge.common.console import Progress\n"
        "with Progress() as progress:\n"
        "    for number in range(1, 8):\n"
        "        progress.update('operator [x]', number, 8)\n"
        "        time.sleep(0.11)\n"
        "    progress.print('done')\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", code], stderr=theirs, env=environment, timeout=60)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    text = shown.decode()
    assert done.returncode == 0
    assert "operator [x]" in text
    assert "7/8" in text
    assert "/s" in text
    assert "0:00:0" in text
    assert text.rstrip().endswith("done")
