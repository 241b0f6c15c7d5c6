"""The parent's side of a worker: one model in a process of its own, asked through pipes, gone when the block ends."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ...edge.common.errors import DelegateError, EdgeemoError, ModelError
from ...edge.inference.delegate import DelegateSpec
from ...edge.model.card import ModelCard

_WORKER = __name__.rsplit(".", 1)[0] + ".worker"
_PATIENCE = 2.0


class ModelProcess:
    """A model, loaded in a fresh Python process.

    Use it as a context: the process is ended, whatever happens, when the block is left.

    Args:
        path: of the model.
        card: of the model, or None.
        runtime, threads, delegate: see :func:`edgeemo.edge.inference.interpreter.load`. There is no reserve: what the
            delegate does not run is not measured.
        images: .npz with face crops to feed, or None for noise.
        patience: seconds for loading it with a delegate; some wait for a device for ever.

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
        patience: float = 60.0,
    ) -> None:
        self.path, self.card, self._delegate, self._patience = path, card, delegate, patience
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
        self._stderr = tempfile.TemporaryFile()
        # What is in the user's current folder must not be taken for a module of the worker, and what this process
        # can import the worker must find.
        places = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": places, "PYTHONSAFEPATH": "1"},
            # Ctrl-C in a terminal goes to the parent alone, which ends the worker.
            start_new_session=True,
        )
        limit = threading.Timer(self._patience, self._process.kill)
        if self._delegate:
            limit.start()
        try:
            self.facts = self.ask("load", **self._load)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        finally:
            limit.cancel()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(0 if error else _PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()
            self._stderr.close()

    def ask(self, operation: str, *, progress: Callable[[int], None] | None = None, **arguments: Any) -> dict[str, Any]:
        """Send one operation and wait for its answer.

        Args:
            operation: a public method of :class:`edgeemo.benchmarks.worker.worker.Worker`.
            progress: told the number of images done so far.
            arguments: of the operation.

        Raises:
            EdgeemoError: the worker says so, or it died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"op": operation, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        while line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise (DelegateError if answer["delegate"] else EdgeemoError)(answer["error"])
            if "done" not in answer:
                return answer
            if progress:
                progress(answer["done"])
        raise self._died()

    def _died(self) -> ModelError:
        self._process.wait()
        status = self._process.returncode
        how = f"signal {-status}" if status < 0 else f"exit code {status}"
        last = self._said().strip().splitlines()[-1:] or [""]
        reason = f"{how}: {last[0][:160]}" if status > 0 and last[0] else how
        if self._delegate:
            return DelegateError(
                f"the delegate {self._delegate.name} crashed the process that measured {self.path}, or hung ({reason})",
                hint="plug the accelerator in again, or install the delegate again",
            )
        hint = "free some memory" if status == -9 else "the file may be damaged: copy or convert the model again"
        return ModelError(f"the process that measured {self.path} died ({reason})", hint=hint)

    def _said(self) -> str:
        # Not seek: the position is the worker's too, it would go on writing there.
        handle = self._stderr.fileno()
        return os.pread(handle, os.fstat(handle).st_size, 0).decode("utf-8", "replace")
