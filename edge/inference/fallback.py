"""Fallback from a delegate to the CPU when the accelerator cannot be used or is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..common.errors import DelegateError, ModelError
from ..common.files import existing
from .delegate import DelegateSpec, is_compiled, needs_delegate, uncompiled_path
from .interpreter import SessionProtocol, Tensor, load

#: Takes one sentence about something that went wrong, while work continues.
Warn = Callable[[str], None]


def load_with_fallback(
    path: str | Path,
    *,
    runtime: str = "auto",
    threads: int = 1,
    delegate: DelegateSpec | None = None,
    fallback: bool = True,
    warn: Warn,
) -> SessionProtocol:
    """Load a model with its delegate or, with a warning, without.

    Args:
        path: path of the model. When it is ``NAME_edgetpu.tflite``, the CPU takes ``NAME.tflite`` beside it.
        runtime, threads, delegate: see :func:`edgeemo.edge.inference.interpreter.load`.
        fallback: whether the CPU may do it.
        warn: takes the reason when it has to.

    Raises:
        EdgeemoError: the model cannot be loaded; or the delegate, and the CPU may not or cannot do it.
    """
    path = existing(path, "a .tflite model")

    def reserve(error: DelegateError) -> SessionProtocol:
        if not fallback:
            raise error
        instead = _for_cpu(path, error)
        session = load(instead, runtime=runtime, threads=threads)
        warn(f"{error!s}. The CPU continues with {instead}")
        return session

    try:
        session = load(path, runtime=runtime, threads=threads, delegate=delegate)
    except DelegateError as error:
        return reserve(error)
    if delegate is None:
        return session
    if delegate.name.startswith("edgetpu") and not is_compiled(path.read_bytes()):
        warn(f"{path} is not compiled for the Edge TPU: it runs on the CPU; compile it with edgetpu_compiler")
    return FallbackSession(session, reserve)


class FallbackSession:
    """A session on a delegate that changes to the CPU for good when the device is lost.

    Args:
        session: on the delegate.
        reserve: makes the session on the CPU, or raises the error that it is given.
    """

    def __init__(self, session: SessionProtocol, reserve: Callable[[DelegateError], SessionProtocol]) -> None:
        self._session, self._reserve = session, reserve

    @property
    def input(self) -> Tensor:
        """Input tensor of the model in use."""
        return self._session.input

    @property
    def output(self) -> Tensor:
        """Output tensor of the model in use."""
        return self._session.output

    @property
    def runtime(self) -> str:
        """Name of the runtime."""
        return self._session.runtime

    @property
    def path(self) -> str:
        """Path of the model in use."""
        return self._session.path

    @property
    def delegate(self) -> str:
        """Name of what computes now."""
        return self._session.delegate

    @property
    def restarts(self) -> int:
        """Restarts: always 0."""
        return self._session.restarts

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model; the very frame with which the device was lost is classified by the CPU."""
        try:
            return self._session.invoke(tensor)
        except DelegateError as error:
            session = self._reserve(error)
            _check_alike(self._session, session)
            self._session = session
            return session.invoke(tensor)


def _for_cpu(path: Path, error: DelegateError) -> Path:
    if not is_compiled(path.read_bytes()):
        return path
    beside = uncompiled_path(path)
    if beside == path or not beside.is_file():
        raise DelegateError(
            f"{error!s}; and there is no {beside.name} beside the compiled model for the CPU to continue with"
        )
    if is_compiled(beside.read_bytes()):
        raise needs_delegate(beside)
    return beside


def _check_alike(one: SessionProtocol, other: SessionProtocol) -> None:
    def facts(tensor: Tensor) -> Tensor:
        return replace(tensor, index=0)

    if facts(one.input) != facts(other.input) or facts(one.output) != facts(other.output):
        raise ModelError(
            f"{other.path} cannot stand in for {one.path}",
            expected="the same input and output",
            hint="put the model from which it was compiled beside it",
        )
