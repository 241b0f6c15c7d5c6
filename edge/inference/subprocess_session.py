"""A model in a process of its own: when the runtime crashes or hangs there, that process is restarted.

What runs there is :mod:`edgeemo.edge.inference.subprocess_child`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import EdgeemoError, FrameLost, ModelError, Stopped
from .child_process import ChildGone, ChildProcess, Message
from .delegate import DelegateSpec
from .fallback import Warn
from .subprocess_child import tensor_of

_CHILD = __name__.rsplit(".", 1)[0] + ".subprocess_child"


@dataclass(frozen=True)
class ProcessLimits:
    """When a child counts as hanging, and how often it is restarted.

    Args:
        load_s: seconds to start the child and load the model; enough for a big one from a slow card.
        invoke_s: seconds for one inference: a hundred times what any shipped model needs on a Raspberry Pi.
        restarts: more of them within ``window_s`` end the run.
        window_s: seconds for which a restart is remembered.
    """

    load_s: float = 60.0
    invoke_s: float = 5.0
    restarts: int = 5
    window_s: float = 3600.0


class IsolatedSession:
    """A model in a child process.

    Args:
        path: model file to load.
        runtime, threads, delegate, fallback, warn: see :func:`edgeemo.edge.inference.fallback.load_with_fallback`.
        limits: of the child.
        stopping: asked while waiting; when it returns True, the wait ends.

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
        limits: ProcessLimits | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path = str(path)
        self.restarts = 0
        self._limits = limits or ProcessLimits()
        self._warn, self._stopping = warn, stopping
        self._recent: deque[float] = deque()
        self._child: ChildProcess | None = None
        self._request = {
            "path": self.path,
            "runtime": runtime,
            "threads": threads,
            "delegate": None if delegate is None else asdict(delegate),
            "fallback": fallback,
        }
        try:
            self._load()
        except ChildGone as gone:
            self._give_up()
            raise ModelError(
                f"{self.path} cannot be loaded in a process of its own ({gone})",
                hint="the model, the runtime or the delegate is damaged: install or convert it again",
            ) from None

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model.

        Args:
            tensor: encoded input of shape (1, height, width, channels).

        Returns:
            The encoded output.

        Raises:
            Stopped: the wait ended because a stop was asked for.
            FrameLost: the child crashed or hung, also while it was being restarted, which is tried again.
            EdgeemoError: it did so too often.
        """
        try:
            child = self._child or self._load()
            request = np.ascontiguousarray(tensor, self.input.dtype).tobytes()
            data = self._ask(child, request, self._limits.invoke_s)
        except ChildGone as gone:
            self._give_up()
            self._count(str(gone))
            raise FrameLost(f"{self.path} {gone}; it is restarted (restart {self.restarts})") from None
        return np.frombuffer(data, self.output.dtype).reshape(self.output.shape)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _load(self) -> ChildProcess:
        self._child = ChildProcess(_CHILD, stopping=self._stopping)
        facts = self._ask(self._child, self._request, self._limits.load_s)
        self.runtime, self.delegate = facts["runtime"], facts["delegate"]
        self.input, self.output = tensor_of(facts["input"]), tensor_of(facts["output"])
        return self._child

    def _ask(self, child: ChildProcess, request: Message, seconds: float) -> Any:
        try:
            return child.request(request, seconds=seconds, on_note=lambda note: self._warn(note["warning"]))
        except EdgeemoError:
            self.close()
            raise

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
        while now - self._recent[0] > self._limits.window_s:
            self._recent.popleft()
        if len(self._recent) > self._limits.restarts:
            raise ModelError(
                f"{self.path} {reason}, {len(self._recent)} times within {self._limits.window_s / 60:g} min",
                hint="use another model, runtime or delegate",
            )
