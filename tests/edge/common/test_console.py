"""The process's own streams, also where it was started without them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from edgeemo.edge.common.console import quiet_native, reader_may_leave


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
