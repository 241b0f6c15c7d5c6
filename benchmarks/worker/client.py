"""The parent's side of a worker: one model in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ...edge.common.errors import DelegateError, ModelError
from ...edge.inference.child_process import ChildGone, ChildProcess
from ...edge.inference.delegate import DelegateSpec
from ...edge.model.card import ModelCard

_WORKER = __name__.rsplit(".", 1)[0] + ".worker"
#: Seconds in which a worker may end by itself.
_GRACE_S = 2.0


class ModelProcess:
    """A model, loaded in a fresh Python process.

    Use it as a context: the process is ended, whatever happens, when the block is left.

    Args:
        path: model file to load.
        card: card of the model, or None.
        runtime, threads, delegate: see :func:`edgeemo.edge.inference.interpreter.load`. There is no fallback: what the
            delegate does not run is not measured.
        images: .npz with face crops to feed, or None for noise.
        load_s: seconds for loading it with a delegate; some wait forever for a device.

    Raises:
        DelegateError: the delegate cannot be used (from the ``with`` statement).
        EdgeemoError: the model cannot be loaded or contradicts its card (from the ``with`` statement).
    """

    def __init__(
        self,
        path: Path,
        *,
        card: ModelCard | None = None,
        runtime: str = "auto",
        threads: int = 1,
        delegate: DelegateSpec | None = None,
        images: Path | None = None,
        load_s: float = 60.0,
    ) -> None:
        self.path, self.card, self._delegate = path, card, delegate
        self._load_s = load_s if delegate else None
        self._load: dict[str, Any] = {
            "path": str(path),
            "runtime": runtime,
            "threads": threads,
            "delegate": asdict(delegate) if delegate else None,
            "card": card.to_dict() if card else None,
            "images": str(images) if images else None,
        }
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> ModelProcess:
        try:
            self._child = ChildProcess(_WORKER, capture=True)
        except ChildGone as gone:
            raise ModelError(f"{self.path} {gone}", hint="free some memory") from gone
        try:
            self.facts = self._request("load", self._load, seconds=self._load_s)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(0 if error else _GRACE_S)

    def ask(self, operation: str, *, progress: Callable[[int], None] | None = None, **arguments: Any) -> dict[str, Any]:
        """Send one operation and wait for its answer.

        Args:
            operation: public method of :class:`edgeemo.benchmarks.worker.worker.ModelWorker`.
            progress: called with the number of images done so far.
            arguments: of the operation.

        Raises:
            EdgeemoError: the worker's answer is an error, or it died.
        """
        return self._request(operation, arguments, progress=progress)

    def _request(
        self,
        operation: str,
        arguments: dict[str, Any],
        *,
        seconds: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._child.request(
                {"op": operation, **arguments},
                seconds=seconds,
                on_note=lambda note: progress(note["done"]) if progress else None,
            )
        except ChildGone as gone:
            raise self._died(gone) from gone
        return answer

    def _died(self, gone: ChildGone) -> ModelError:
        if gone.status is None:
            reason = str(gone)
        elif gone.status < 0:
            reason = f"signal {-gone.status}"
        else:
            reason = f"exit code {gone.status}" + (f": {gone.last_line[:160]}" if gone.last_line else "")
        if self._delegate:
            return DelegateError(
                f"the delegate {self._delegate.name} crashed the process that measured {self.path}, or hung ({reason})",
                hint="plug the accelerator in again, or install the delegate again",
            )
        hint = "free some memory" if gone.status == -9 else "the file may be damaged: copy or convert the model again"
        return ModelError(f"the process that measured {self.path} died ({reason})", hint=hint)
