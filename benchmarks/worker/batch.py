"""A model that takes several images in one invoke, where the runtime can resize its input."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence

import numpy as np

from ...edge.common.console import quiet_native
from ...edge.inference.interpreter import RUNTIMES, SessionProtocol

#: Steps of the output that a batch may differ from single images: other kernels round elsewhere.
_STEPS = 2
_FLOAT_TOLERANCE = 1e-3


class Batch:
    """Images that are classified together, again and again.

    Args:
        session: the model, loaded for single images.
        inputs: encoded images, (1, height, width, channels) each, gone through in turn.
        size: images in one invoke.
        threads: for the kernels.

    Raises:
        ValueError: the model takes no batch of this size, or answers otherwise than for single images.
    """

    def __init__(self, session: SessionProtocol, inputs: Sequence[np.ndarray], *, size: int, threads: int) -> None:
        self.size = size
        self._images = np.concatenate([inputs[index % len(inputs)] for index in range(size)])
        module = importlib.import_module(RUNTIMES[session.runtime])
        try:
            with quiet_native():
                self._interpreter = module.Interpreter(model_path=session.path, num_threads=threads)
                place = self._interpreter.get_input_details()[0]["index"]
                self._interpreter.resize_tensor_input(place, self._images.shape)
                self._interpreter.allocate_tensors()
            self._input, self._output = place, self._interpreter.get_output_details()[0]["index"]
            found = self._answer()
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        wanted = np.concatenate([session.invoke(image) for image in inputs[:size]])
        # A shape that is fixed inside the graph mixes the images up instead of failing.
        close = _STEPS if wanted.dtype.kind in "iu" else _FLOAT_TOLERANCE
        if found.shape != (size, *wanted.shape[1:]) or not np.allclose(
            found[: len(wanted)].astype(float), wanted.astype(float), rtol=0, atol=close
        ):
            raise ValueError("the batch has other answers than its images alone")

    def run(self, count: int) -> int:
        """Run ``count`` invokes and return their nanoseconds."""
        began = time.perf_counter_ns()
        for _ in range(count):
            self._answer()
        return time.perf_counter_ns() - began

    def _answer(self) -> np.ndarray:
        self._interpreter.set_tensor(self._input, self._images)
        self._interpreter.invoke()
        result: np.ndarray = self._interpreter.get_tensor(self._output)
        return result


class OneByOne:
    """Images that are classified one after the other, for a model that takes no batch.

    Args:
        session: the model.
        inputs: encoded images, gone through in turn.
    """

    size = 1

    def __init__(self, session: SessionProtocol, inputs: Sequence[np.ndarray]) -> None:
        self._session, self._inputs = session, inputs

    def run(self, count: int) -> int:
        """Run ``count`` invokes and return their nanoseconds."""
        began = time.perf_counter_ns()
        for index in range(count):
            self._session.invoke(self._inputs[index % len(self._inputs)])
        return time.perf_counter_ns() - began
