"""A model in a process of its own: when the runtime crashes or hangs there, the runner starts it anew and goes on.

The other side of the pipe, and how the two speak, is :mod:`edgeemo.edge.inference.subprocess_child`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import DelegateError, EdgeemoError, FrameLost, ModelError, Stopped
from .delegate import DelegateSpec
from .fallback import Warn
from .subprocess_child import ERROR, FACTS, HEAD, INPUT, LOAD, OUTPUT, WARNING, message, tensor_of

#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05


@dataclass(frozen=True)
class Patience:
    """How much is put up with.

    Args:
        load_s: for starting the child and loading the model, also a big one from a slow card.
        invoke_s: for one inference: a hundred times what any model of ours needs on a Raspberry Pi.
        restarts: more of them within ``window_s`` end the run.
        window_s: see there.
    """

    load_s: float = 60.0
    invoke_s: float = 5.0
    restarts: int = 5
    window_s: float = 3600.0


class IsolatedSession:
    """A model in a child process.

    Args:
        path: of the model.
        runtime, threads, delegate, fallback, warn: see :func:`edgeemo.edge.inference.fallback.load_or_fall_back`.
        patience: with the child.
        stopping: asked while waiting; when it says True, the wait is broken off.

    Raises:
        EdgeemoError: the model cannot be loaded, or loading it crashes or hangs.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        runtime: str = "auto",
        threads: int = 1,
        delegate: DelegateSpec | None = None,
        fallback: bool = True,
        warn: Warn,
        patience: Patience | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path = str(path)
        self.restarts = 0
        self._patience = patience or Patience()
        self._warn, self._stopping = warn, stopping
        self._recent: deque[float] = deque()
        self._child: subprocess.Popen[bytes] | None = None
        self._request = {
            "path": self.path,
            "runtime": runtime,
            "threads": threads,
            "delegate": None if delegate is None else asdict(delegate),
            "fallback": fallback,
        }
        try:
            self._load()
        except _Gone as gone:
            self._give_up()
            raise ModelError(
                f"{self.path} cannot be loaded in a process of its own ({gone})",
                hint="the model, the runtime or the delegate is damaged: install or convert it again",
            ) from None

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model.

        Raises:
            Stopped: the wait was broken off.
            FrameLost: the child crashed or hung, also while it was started anew, which is tried again.
            EdgeemoError: it did so too often.
        """
        try:
            if self._child is None:
                self._load()
            deadline = _Deadline(self._patience.invoke_s)
            self._send(INPUT, np.ascontiguousarray(tensor, self.input.dtype).tobytes(), deadline)
            data = self._receive(OUTPUT, deadline)
        except _Gone as gone:
            self._give_up()
            self._count(str(gone))
            raise FrameLost(f"{self.path} {gone}; it is started anew (restart {self.restarts})") from None
        return np.frombuffer(data, self.output.dtype).reshape(self.output.shape)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        # It may hang in native code: there is nothing in it worth waiting for.
        child.kill()
        for stream in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        child.wait()

    def _load(self) -> None:
        # Not a fork: the runtime's threads and the camera's device would go with it.
        command = [sys.executable, "-m", "edgeemo.edge.inference.subprocess_child"]
        try:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            # No memory for another process, say; there may be some soon.
            raise _Gone(f"got no process ({error.strerror})") from error
        deadline = _Deadline(self._patience.load_s)
        self._send(LOAD, json.dumps(self._request).encode(), deadline)
        facts = json.loads(self._receive(FACTS, deadline))
        self.runtime, self.delegate = facts["runtime"], facts["delegate"]
        self.input, self.output = tensor_of(facts["input"]), tensor_of(facts["output"])

    def _give_up(self) -> None:
        """End a child that does not answer.

        Raises:
            Stopped: that is because a stop was asked for.
        """
        self.close()
        if self._stopping():
            raise Stopped("the run was stopped") from None

    def _count(self, reason: str) -> None:
        now = time.monotonic()
        self.restarts += 1
        self._recent.append(now)
        while now - self._recent[0] > self._patience.window_s:
            self._recent.popleft()
        if len(self._recent) > self._patience.restarts:
            raise ModelError(
                f"{self.path} {reason}, {len(self._recent)} times within {self._patience.window_s / 60:g} min",
                hint="use another model, runtime or delegate",
            )

    def _send(self, kind: bytes, data: bytes, deadline: _Deadline) -> None:
        rest = memoryview(message(kind, data))
        while rest:
            written = self._when_ready(deadline, partial(os.write, self._descriptor("stdin"), rest), writing=True)
            rest = rest[written:]

    def _receive(self, wanted: bytes, deadline: _Deadline) -> bytes:
        """The child's answer. Warnings before it are handed on, errors are raised."""
        while True:
            head = self._read(HEAD, deadline)
            kind, data = head[:1], self._read(int.from_bytes(head[1:], "big"), deadline)
            if kind == wanted:
                return data
            if kind == WARNING:
                self._warn(data.decode())
            elif kind == ERROR:
                self.close()
                failure = json.loads(data)
                raise (DelegateError if failure["delegate"] else EdgeemoError)(failure["message"])

    def _read(self, length: int, deadline: _Deadline) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self._when_ready(deadline, partial(os.read, self._descriptor("stdout"), length - len(data)))
            if not piece:
                raise _Gone(self._death())
            data += piece
        return bytes(data)

    def _when_ready(self, deadline: _Deadline, act: Callable[[], Any], *, writing: bool = False) -> Any:
        """What ``act`` returns as soon as the pipe lets it.

        Raises:
            _Gone: the child died or hangs, or a stop was asked for.
        """
        pipe = [self._descriptor("stdin" if writing else "stdout")]
        while True:
            left = deadline.left_s()
            if left <= 0 or self._stopping():
                raise _Gone(f"gave no answer within {deadline.seconds:g} s")
            wait = min(_TICK_S, left)
            ready = select.select([], pipe, [], wait)[1] if writing else select.select(pipe, [], [], wait)[0]
            if ready:
                try:
                    return act()
                except BlockingIOError:
                    continue
                except OSError:
                    raise _Gone(self._death()) from None

    def _descriptor(self, name: str) -> int:
        stream = getattr(self._child, name)
        os.set_blocking(stream.fileno(), False)
        number: int = stream.fileno()
        return number

    def _death(self) -> str:
        """What became of a child whose pipe broke."""
        assert self._child is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._child.wait(1.0)
            return f"crashed its runtime (signal {-status})" if status < 0 else f"ended its process (code {status})"
        return "closed its connection"


class _Deadline:
    """A moment from which on there is no more waiting.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left_s(self) -> float:
        """Seconds until then; negative when it has passed."""
        return self._end - time.monotonic()


class _Gone(Exception):
    """The child does not answer any more; the text says why."""
