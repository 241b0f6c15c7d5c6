"""The process of an isolated model: ``python -m edgeemo.edge.inference.subprocess_child``.

The first request is what to load, and its answer the model's properties; then each request is an input tensor and each
answer the output. Notes are warnings.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from .child_process import Message, OnNote, serve
from .delegate import DelegateSpec
from .fallback import load_with_fallback
from .interpreter import SessionProtocol, Tensor


def tensor_of(facts: dict[str, Any]) -> Tensor:
    """Return the description of an input or output that a child has sent."""
    return Tensor(**{**facts, "shape": tuple(facts["shape"]), "dtype": np.dtype(facts["dtype"])})


def _facts(tensor: Tensor) -> dict[str, Any]:
    return {**asdict(tensor), "dtype": tensor.dtype.str}


class _Handler:
    """Loads what the first request names, then answers inputs."""

    def __init__(self) -> None:
        self._session: SessionProtocol | None = None

    def __call__(self, request: Any, note: OnNote) -> Message:
        if self._session is None:
            self._session = self._load(request, note)
            return {
                "runtime": self._session.runtime,
                "delegate": self._session.delegate,
                "input": _facts(self._session.input),
                "output": _facts(self._session.output),
            }
        tensor = np.frombuffer(request, self._session.input.dtype).reshape(self._session.input.shape)
        return np.ascontiguousarray(self._session.invoke(tensor)).tobytes()

    @staticmethod
    def _load(request: dict[str, Any], note: OnNote) -> SessionProtocol:
        delegate = request.pop("delegate")
        if delegate is not None:
            delegate = DelegateSpec(delegate["name"], delegate["library"], tuple(map(tuple, delegate["options"])))
        return load_with_fallback(
            request.pop("path"), delegate=delegate, warn=lambda text: note({"warning": text}), **request
        )


if __name__ == "__main__":
    serve(_Handler())
