"""A Python module in a process of its own, that answers requests through pipes.

Both sides speak in messages: one byte of kind, four of length (big endian), and that many bytes, which are JSON or, for
tensors, the raw numbers. A request has one answer; notes (warnings, progress) may come before it. The child ends when
its standard input does, and is killed by the system with its parent.

:class:`ChildProcess` is the parent's side, :func:`serve` the child's.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, Any, BinaryIO

from ..common import errors
from ..common.errors import EdgeemoError

#: A request or an answer: JSON, or the bytes of a tensor.
Message = Mapping[str, Any] | bytes
#: Called with each note that comes before an answer.
OnNote = Callable[[Any], None]
#: A child's work: takes a request and a function that sends notes, and returns the answer.
Handler = Callable[[Any, OnNote], Message]

#: Kinds of messages.
_JSON, _BYTES, _NOTE, _ERROR = b"J", b"B", b"N", b"E"
#: Bytes before a message's own: kind and length.
_HEAD = 5
#: Longest wait in one piece, so that a stop is seen at once.
_TICK_S = 0.05
#: Linux's PR_SET_PDEATHSIG.
_DEATH_SIGNAL = 1


class ChildGone(Exception):
    """The child does not answer any more; the text is the reason.

    Args:
        reason: what happened to it, as a predicate: "crashed its runtime (signal 11)".
        status: exit code, or minus the signal's number; None while it is not known to have ended.
        last_line: what it wrote last to standard error, where that is captured.
    """

    def __init__(self, reason: str, *, status: int | None = None, last_line: str = "") -> None:
        super().__init__(reason)
        self.status, self.last_line = status, last_line


class ChildProcess:
    """A running child.

    Args:
        module: absolute name of the module to run; it calls :func:`serve`.
        stopping: asked while waiting; when it returns True, the wait ends with :class:`ChildGone`.
        capture: whether to keep what it writes to standard error, for :attr:`ChildGone.last_line`, instead of passing
            it on.

    Raises:
        ChildGone: there is no memory for another process, say.
    """

    def __init__(self, module: str, *, stopping: Callable[[], bool] | None = None, capture: bool = False) -> None:
        self._stopping = stopping
        self._stderr: IO[bytes] | None = tempfile.TemporaryFile() if capture else None  # noqa: SIM115
        # What is in the user's current folder must not be taken for a module of the child, and what this process can
        # import the child must find.
        places = os.pathsep.join(place for place in sys.path if place)
        try:
            # Not a fork: the runtime's threads and the camera's device would go with it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": places, "PYTHONSAFEPATH": "1"},
                # Ctrl-C in a terminal goes to the parent alone, which ends the child.
                start_new_session=True,
            )
        except OSError as error:
            if self._stderr:
                self._stderr.close()
            raise ChildGone(f"got no process ({error.strerror})") from error

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._process.pid

    def request(self, message: Message, *, seconds: float | None = None, on_note: OnNote | None = None) -> Any:
        """Send a request and wait for its answer.

        Args:
            message: JSON, or bytes.
            seconds: to wait in all; without them as long as the child lives.
            on_note: called with each note that comes before the answer.

        Returns:
            A dictionary or bytes, whichever the child answered with.

        Raises:
            ChildGone: it crashed, ended or hangs, or a stop was asked for. It is not ended: see :meth:`close`.
            EdgeemoError: its answer is this error; it is ready for another request.
        """
        deadline = _Deadline(seconds)
        self._send(message, deadline)
        while True:
            head = self._read(_HEAD, deadline)
            kind, data = head[:1], self._read(int.from_bytes(head[1:], "big"), deadline)
            if kind == _BYTES:
                return data
            content = json.loads(data)
            if kind == _ERROR:
                raise _error(**content)
            if kind == _JSON:
                return content
            if on_note:
                on_note(content)

    def close(self, grace_s: float = 0.0) -> None:
        """End the child.

        Args:
            grace_s: seconds in which it may end by itself; 0 kills it at once, as it may hang in native code.
        """
        if grace_s:
            self._close_stream(self._process.stdin)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            self._close_stream(stream)
        self._process.wait()

    @staticmethod
    def _close_stream(stream: IO[bytes] | None) -> None:
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()

    def _send(self, message: Message, deadline: _Deadline) -> None:
        rest = memoryview(_encoded(message))
        while rest:
            written = self._when_ready(deadline, partial(os.write, self._descriptor("stdin"), rest), writing=True)
            rest = rest[written:]

    def _read(self, length: int, deadline: _Deadline) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self._when_ready(deadline, partial(os.read, self._descriptor("stdout"), length - len(data)))
            if not piece:
                raise self._gone()
            data += piece
        return bytes(data)

    def _when_ready(self, deadline: _Deadline, act: Callable[[], Any], *, writing: bool = False) -> Any:
        """Return what ``act`` does as soon as the pipe lets it.

        Raises:
            ChildGone: the child died or hangs, or a stop was asked for.
        """
        pipe = [self._descriptor("stdin" if writing else "stdout")]
        while True:
            left = deadline.left_s()
            if (left is not None and left <= 0) or (self._stopping and self._stopping()):
                raise ChildGone(f"gave no answer within {deadline.seconds or 0:g} s")
            wait = min(_TICK_S, left or _TICK_S) if self._stopping else left
            ready = select.select([], pipe, [], wait)[1] if writing else select.select(pipe, [], [], wait)[0]
            if ready:
                try:
                    return act()
                except BlockingIOError:
                    continue
                except OSError:
                    raise self._gone() from None

    def _descriptor(self, name: str) -> int:
        stream = getattr(self._process, name)
        os.set_blocking(stream.fileno(), False)
        number: int = stream.fileno()
        return number

    def _gone(self) -> ChildGone:
        """Return what became of a child whose pipe broke."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(1.0)
            reason = f"crashed its runtime (signal {-status})" if status < 0 else f"ended its process (code {status})"
            return ChildGone(reason, status=status, last_line=self._last_line())
        return ChildGone("closed its connection")

    def _last_line(self) -> str:
        if self._stderr is None:
            return ""
        # Not seek: the position is the child's too, it would write there.
        handle = self._stderr.fileno()
        text = os.pread(handle, os.fstat(handle).st_size, 0).decode("utf-8", "replace")
        return (text.strip().splitlines() or [""])[-1]


class _Deadline:
    """The end of waiting.

    Args:
        seconds: from now; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left_s(self) -> float | None:
        """Return the seconds until then; negative when it has passed."""
        return None if self._end is None else self._end - time.monotonic()


def serve(handler: Handler) -> None:
    """Answer requests on standard input until there are no more; what libraries print goes to standard error.

    Args:
        handler: makes the answer to each request. An :class:`~edgeemo.edge.common.errors.EdgeemoError` that it raises
            is the answer, too.
    """
    # Both may come to the whole process group or service; the parent ends us when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform.startswith("linux"):
        # A hanging child would not notice that its parent was killed.
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)
        # A parent that is gone leaves nobody to answer.
        with contextlib.suppress(BrokenPipeError):
            _answer_all(handler, requests, answers)


def _answer_all(handler: Handler, requests: BinaryIO, answers: BinaryIO) -> None:
    def reply(message: Message, kind: bytes = _JSON) -> None:
        answers.write(_encoded(message, kind))
        answers.flush()

    while head := requests.read(_HEAD):
        data = requests.read(int.from_bytes(head[1:], "big"))
        try:
            reply(handler(data if head[:1] == _BYTES else json.loads(data), partial(reply, kind=_NOTE)))
        except EdgeemoError as error:
            fields = {name: getattr(error, name) for name in ("problem", "expected", "got", "hint")}
            reply({"kind": type(error).__name__, "fields": fields}, _ERROR)


def _error(kind: str, fields: dict[str, str | None]) -> EdgeemoError:
    """Return an error that a child has sent, of its own class."""
    known = getattr(errors, kind, EdgeemoError)
    error: EdgeemoError = known.__new__(known)
    # Not the class's own: some make their fields of other arguments.
    EdgeemoError.__init__(error, **fields)  # type: ignore[arg-type]
    return error


def _encoded(message: Message, kind: bytes = _JSON) -> bytes:
    """Return a message as it goes through the pipe."""
    if isinstance(message, bytes):
        kind, data = _BYTES, message
    else:
        data = json.dumps(message).encode()
    return kind + len(data).to_bytes(_HEAD - 1, "big") + data
