"""A model in a process of its own that a delegate crashes or hangs for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.common.errors import DelegateError, EdgeemoError, FrameLost, Stopped
from edgeemo.edge.inference.delegate import DelegateSpec
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.inference.subprocess_session import IsolatedSession, ProcessLimits

from ...conftest import raises
from .test_delegate import by_delegate, compiled, library, noise

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

__all__ = ["compiled", "library"]

QUICK = ProcessLimits(invoke_s=1.0, restarts=2)


@pytest.fixture
def sessions() -> Iterator[list[IsolatedSession]]:
    """Those put in here are closed at the end."""
    opened: list[IsolatedSession] = []
    yield opened
    for session in opened:
        session.close()


@pytest.fixture
def isolate(library: Path, sessions: list[IsolatedSession]) -> Any:
    """Loads a model in a process of its own, with the test's delegate when a mode is given."""

    def load_isolated(path: Path, mode: str = "", after: int = 2, **options: Any) -> IsolatedSession:
        spec = DelegateSpec(str(library), str(library), (("mode", mode), ("after", str(after)))) if mode else None
        sessions.append(IsolatedSession(path, delegate=spec, **{"warn": pytest.fail, "limits": QUICK, **options}))
        return sessions[-1]

    return load_isolated


def test_answers_are_those_of_the_model(isolate: Any, tiny_int8: Path) -> None:
    session, own = isolate(tiny_int8), load(tiny_int8)
    for seed in range(5):
        assert (session.invoke(noise(seed)) == own.invoke(noise(seed))).all()
    assert (session.runtime, session.delegate, session.restarts) == (own.runtime, own.delegate, 0)
    assert (session.input, session.output) == (own.input, own.output)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("crash", r"crashed its runtime \(signal 11\)"),
        pytest.param("hang", "gave no answer within 1 s", marks=pytest.mark.slow),
    ],
)
def test_crash_and_hang_cost_a_frame_until_it_is_given_up(mode: str, reason: str, isolate: Any, compiled: Path) -> None:
    session = isolate(compiled, mode)
    for restart in (1, 2):
        for seed in range(2):
            assert (session.invoke(noise(seed)) == by_delegate(noise(seed))).all()
        began = time.monotonic()
        with raises(FrameLost, problem=rf"{reason}; it is restarted \(restart {restart}\)"):
            session.invoke(noise())
        assert time.monotonic() - began < 3
    for seed in range(2):
        session.invoke(noise(seed))
    with raises(EdgeemoError, problem=rf"{reason}, 3 times within 60 min") as caught:
        session.invoke(noise())
    assert not isinstance(caught.value, FrameLost)


def test_killed_child_is_restarted(isolate: Any, tiny_int8: Path) -> None:
    session = isolate(tiny_int8)
    before = session.invoke(noise())
    os.kill(session._child.pid, signal.SIGKILL)
    with raises(FrameLost, problem="signal 9"):
        session.invoke(noise())
    assert (session.invoke(noise()) == before).all()


@pytest.mark.parametrize(
    ("program", "reason"),
    [("false", r"ended its process \(code 1\)"), ("absent", r"got no process \(No such file or directory\)")],
)
def test_child_that_dies_while_it_restarts_is_restarted_again(
    program: str, reason: str, isolate: Any, tiny_int8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = isolate(tiny_int8)
    before = session.invoke(noise())
    os.kill(session._child.pid, signal.SIGKILL)
    with raises(FrameLost, problem="restart 1"):
        session.invoke(noise())
    monkeypatch.setattr(sys, "executable", shutil.which(program) or program)
    with raises(FrameLost, problem=rf"{reason}; it is restarted \(restart 2\)"):
        session.invoke(noise())
    monkeypatch.undo()
    assert (session.invoke(noise()) == before).all()


def test_wait_for_a_hanging_child_can_be_broken_off(isolate: Any, compiled: Path) -> None:
    stop_at = time.monotonic() + 3600
    session = isolate(compiled, "hang", after=0, limits=ProcessLimits(), stopping=lambda: time.monotonic() > stop_at)
    began = time.monotonic()
    stop_at = began + 0.2
    with pytest.raises(Stopped):
        session.invoke(noise())
    assert time.monotonic() - began < 1.5


def test_errors_and_warnings_of_the_child_arrive(isolate: Any, compiled: Path) -> None:
    warnings: list[str] = []
    isolate(compiled, "absent", warn=warnings.append)
    assert "finds no device" in warnings[0]
    with raises(DelegateError, problem="finds no device"):
        isolate(compiled, "absent", fallback=False)
    with raises(EdgeemoError, problem=r"absent\.tflite is not there"):
        isolate(Path("absent.tflite"))


def test_float_inputs_pass(isolate: Any, tiny_float: Path) -> None:
    values = np.random.default_rng(0).random((1, 48, 48, 1), np.float32)
    assert (isolate(tiny_float).invoke(values) == load(tiny_float).invoke(values)).all()


@pytest.mark.slow
def test_run_goes_on_after_a_crash(start: Any, fake_camera: Any, library: Path, compiled: Path) -> None:
    arguments = [
        "-m",
        "edgeemo",
        "run",
        compiled,
        "--source",
        "0",
        "--detector",
        "none",
        "--isolate",
        "--delegate",
        library,
    ]
    arguments += ["--delegate-option", "mode=crash", "--delegate-option", "after=20", "--max-frames", 50]
    process = start(*arguments, env=fake_camera.env)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in output.splitlines()]
    assert len([line for line in lines if line["type"] == "frame"]) == 50
    assert [line.rpartition("(")[2] for line in errors.splitlines()[:-1]] == ["restart 1)", "restart 2)"]


def test_signal_ends_a_run_whose_model_hangs_within_2_s(
    start: Any, fake_camera: Any, library: Path, compiled: Path
) -> None:
    arguments = [
        "-m",
        "edgeemo",
        "run",
        compiled,
        "--source",
        "0",
        "--detector",
        "none",
        "--isolate",
        "--delegate",
        library,
    ]
    process = start(*arguments, "--delegate-option", "mode=hang", "--delegate-option", "after=3", env=fake_camera.env)
    for _ in range(3):
        process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2
    # The frame in hand is given up; that is nothing to be warned of.
    summary = process.stderr.read()
    assert summary.startswith("3 frames, ")
    assert len(summary.splitlines()) == 1


@pytest.mark.slow
def test_signal_ends_a_run_whose_delegate_never_starts_within_2_s(
    start: Any, tiny_int8: Path, clip_avi: Path, library: Path
) -> None:
    arguments = ["-m", "edgeemo", "run", tiny_int8, "--source", clip_avi, "--isolate", "--delegate", library]
    process = start(*arguments, "--delegate-option", "mode=stuck")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2


def test_delegate_that_never_starts_is_one_sentence(isolate: Any, compiled: Path) -> None:
    with raises(EdgeemoError, problem=r"cannot be loaded in a process of its own \(gave no answer within 3 s\)"):
        isolate(compiled, "stuck", limits=ProcessLimits(load_s=3))
