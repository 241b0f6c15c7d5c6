"""The process in which an isolated model lives: ``python -m edgeemo.edge.inference.subprocess_child``.

Both sides speak in messages: one byte of kind, four of length (big endian), and that many bytes. The child ends when
its standard input does, and is killed by the system with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from ..common.errors import DelegateError, EdgeemoError
from .delegate import DelegateSpec
from .fallback import load_or_fall_back
from .interpreter import Tensor

#: Kinds of messages.
LOAD, FACTS, INPUT, OUTPUT, WARNING, ERROR = b"L", b"F", b"I", b"O", b"W", b"E"
#: Bytes before a message's own: kind and length.
HEAD = 5
#: Linux's PR_SET_PDEATHSIG.
_DEATH_SIGNAL = 1


def message(kind: bytes, data: bytes) -> bytes:
    """A message as it goes through the pipe."""
    return kind + len(data).to_bytes(HEAD - 1, "big") + data


def tensor_of(facts: dict[str, Any]) -> Tensor:
    """What a child has told of an input or output."""
    return Tensor(**{**facts, "shape": tuple(facts["shape"]), "dtype": np.dtype(facts["dtype"])})


def _facts(tensor: Tensor) -> dict[str, Any]:
    return {**asdict(tensor), "dtype": tensor.dtype.str}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """The child's side: load what is asked for, then answer input by input until there are no more."""

    def answer(kind: bytes, data: bytes) -> None:
        answers.write(message(kind, data))
        answers.flush()

    session = None
    while head := requests.read(HEAD):
        data = requests.read(int.from_bytes(head[1:], "big"))
        try:
            if session is None:
                request = json.loads(data)
                delegate = request.pop("delegate")
                if delegate is not None:
                    delegate = DelegateSpec(
                        delegate["name"], delegate["library"], tuple(map(tuple, delegate["options"]))
                    )
                session = load_or_fall_back(
                    request.pop("path"), delegate=delegate, warn=lambda text: answer(WARNING, text.encode()), **request
                )
                facts = {
                    "runtime": session.runtime,
                    "delegate": session.delegate,
                    "input": _facts(session.input),
                    "output": _facts(session.output),
                }
                answer(FACTS, json.dumps(facts).encode())
            else:
                tensor = np.frombuffer(data, session.input.dtype).reshape(session.input.shape)
                answer(OUTPUT, np.ascontiguousarray(session.invoke(tensor)).tobytes())
        except EdgeemoError as error:
            failure = {"message": str(error), "delegate": isinstance(error, DelegateError)}
            answer(ERROR, json.dumps(failure).encode())


def main() -> None:
    """Serve on standard input and output; what libraries print goes to standard error instead."""
    # Both come to the whole process group; the parent ends us when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform.startswith("linux"):
        # A hanging child would not notice that its parent was killed.
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    with os.fdopen(os.dup(1), "wb") as answers, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)
        # A parent that is gone leaves nobody to tell.
        with contextlib.suppress(BrokenPipeError):
            serve(requests, answers)


if __name__ == "__main__":
    main()
