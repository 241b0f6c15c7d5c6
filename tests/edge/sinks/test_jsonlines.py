"""Lines through real files and pipes, and the queue before them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sinks.base import SourceState, Update
from edgeemo.edge.sinks.jsonlines import QUEUE, JsonLinesSink

from ...conftest import raises

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

Make = Callable[..., Update]
#: Lines of one face that a pipe holds before somebody reads: 64 KiB.
PIPE_LINES = 150


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """The handle to read from, and the stream to write to."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, stream
    try:
        os.close(reading)
    except OSError:
        return


def written(path: Path, *updates: Update) -> list[dict[str, Any]]:
    sink = JsonLinesSink(path)
    sink.start()
    for update in updates:
        sink.publish(update)
    sink.close(5)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_frame_line_has_the_documented_fields(update: Make, tmp_path: Path) -> None:
    (line,) = written(tmp_path / "lines", update(5, faces=2))
    assert list(line) == ["schema", "type", "index", "time", "wall", "source", "faces", "tracks", "ms"]
    assert (line["schema"], line["type"], line["index"], line["time"]) == (2, "frame", 5, 0.5)
    assert line["wall"] == pytest.approx(time.time(), abs=60)
    assert [face["label"] for face in line["faces"]] == ["happy", "happy"]
    assert line["tracks"][1] == {
        "id": 8,
        "face": 1,
        "box": [60, 10, 40, 40],
        "label": "happy",
        "confidence": 0.75,
        "probabilities": {"happy": 0.75, "neutral": 0.25},
        "age": 1.5,
    }


def test_state_has_a_line_when_it_changes_for_the_worse(update: Make, tmp_path: Path) -> None:
    lost = update(None, state=SourceState.RECONNECTING, reason="no frame for 5 s")
    states = [
        update(None, state=SourceState.STARTING),
        update(0),
        lost,
        lost,
        update(1),
        update(None, state=SourceState.FROZEN),
        update(None, state=SourceState.ENDED),
    ]
    lines = written(tmp_path / "lines", *states)
    assert [line.get("state", line.get("index")) for line in lines] == [0, "reconnecting", 1, "frozen"]
    assert list(lines[1]) == ["schema", "type", "state", "reason", "wall", "reconnects", "dropped", "restarts", "fps"]
    assert lines[1]["reason"] == "no frame for 5 s"


def test_reader_that_never_reads_keeps_nobody_waiting(update: Make, pipe: tuple[int, TextIO]) -> None:
    sink = JsonLinesSink(pipe[1])
    sink.start()
    total = QUEUE + 2 * PIPE_LINES + 50
    slowest = 0.0
    for index in range(total):
        message = update(index)
        began = time.perf_counter()
        sink.publish(message)
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 0.5
    assert 0 < sink.dropped < total - QUEUE
    began = time.monotonic()
    sink.close(0.3)
    assert time.monotonic() - began < 1
    assert sink.dropped >= QUEUE


def test_recorded_source_waits_for_a_slow_reader(
    update: Make, pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonLinesSink(pipe[1], until=lambda: False)
    monkeypatch.setattr(sink, "_size", 10)
    sink.start()
    total = 3 * PIPE_LINES
    thread = threading.Thread(target=lambda: [sink.publish(update(index)) for index in range(total)])
    thread.start()
    time.sleep(0.2)
    text = b""
    while text.count(b"\n") < total:
        text += os.read(pipe[0], 4096)
    thread.join(5)
    sink.close(5)
    assert sink.dropped == 0
    assert [json.loads(line)["index"] for line in text.splitlines()] == list(range(total))


def test_wait_ends_when_the_run_is_to_stop(update: Make, pipe: tuple[int, TextIO]) -> None:
    end = time.monotonic() + 0.5
    sink = JsonLinesSink(pipe[1], until=lambda: time.monotonic() > end)
    sink.start()
    for index in range(QUEUE + 2 * PIPE_LINES):
        sink.publish(update(index))
    assert sink.dropped > 0
    sink.close(0)


def test_reader_that_has_left_is_a_broken_pipe(update: Make, pipe: tuple[int, TextIO], eventually: Any) -> None:
    sink = JsonLinesSink(pipe[1])
    sink.start()
    os.close(pipe[0])

    def gone() -> bool:
        try:
            sink.publish(update(0))
        except BrokenPipeError:
            return True
        return False

    assert eventually(gone)


def test_full_disk_is_one_sentence(update: Make) -> None:
    sink = JsonLinesSink(Path("/dev/full"), force=True)
    sink.start()
    sink.publish(update(0))
    with raises(EdgeemoError, problem=r"/dev/full cannot be written \(No space left on device\)"):
        sink.close(5)
