"""Ranges of activations on calibration faces, and three ways to estimate where to clip them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.common.console import quiet_native
from ...edge.vision.preprocess import InputSpec, dequantize, normalize, quantize

#: Share of the values that lie inside the clipped range; the usual choice, as in Wu et al. 2020, arXiv:2004.09602.
PERCENTILE = 99.99
_BINS = 2048
_STEPS = 255
#: Fractions of the seen range that are tried by ``mse``.
_FRACTIONS = np.linspace(0.1, 1.0, 91)


@dataclass(frozen=True)
class ActivationHistogram:
    """Values of an activation tensor.

    Args:
        low, high: smallest and largest value.
        counts: histogram of equal bins from ``low`` to ``high``, int64 (bins,).
    """

    low: float
    high: float
    counts: np.ndarray

    def clip(self, estimator: str) -> tuple[float, float]:
        """Return the range to represent.

        Args:
            estimator: one of :data:`edgeemo.optimize.options.CALIBRATION_METHODS`.
        """
        if estimator == "minmax" or self.high <= self.low:
            return self.low, self.high
        return self._percentile() if estimator == "percentile" else self._least_error()

    def _percentile(self) -> tuple[float, float]:
        tail = (1 - PERCENTILE / 100) / 2
        share = np.cumsum(self.counts) / self.counts.sum()
        edges = np.linspace(self.low, self.high, len(self.counts) + 1)
        first = int(np.searchsorted(share, tail, side="right"))
        last = int(np.searchsorted(share, 1 - tail, side="left"))
        # A tail that lies in the outermost bin, as zeros behind a ReLU do, is not clipped.
        return float(edges[first]), float(edges[min(last, len(self.counts) - 1) + 1])

    def _least_error(self) -> tuple[float, float]:
        """Search a grid for the least mean squared error (Nagel et al. 2021, arXiv:2106.08295, section 3.1)."""
        edges = np.linspace(self.low, self.high, len(self.counts) + 1)
        centers = (edges[:-1] + edges[1:]) / 2
        weights = self.counts / self.counts.sum()
        best = (np.inf, self.low, self.high)
        for fraction in _FRACTIONS:
            low, high = self.low * fraction, self.high * fraction
            step = (high - min(low, 0.0)) / _STEPS
            beyond = centers - np.clip(centers, low, high)
            error = float((weights * np.where(beyond != 0, beyond**2, step**2 / 12)).sum())
            best = min(best, (error, low, high))
        return best[1], best[2]


def observe_activations(model: bytes, spec: InputSpec, calibration: np.ndarray) -> dict[str, ActivationHistogram]:
    """Run a float model over the calibration faces and collect histograms of its activations.

    Args:
        model: float .tflite with float32 input.
        spec: the model's input.
        calibration: uint8 (n, height, width, channels).

    Returns:
        Name of the tensor -> what it held; input and outputs included, constants not.
    """
    probe, seen = ActivationProbe(model), MinMaxObserver(model, spec)
    bounds = seen.of(calibration)
    counts = {name: np.zeros(_BINS, np.int64) for name in bounds}
    for pixels in calibration:
        for name, values in probe.run(normalize(pixels, spec)).items():
            low, high = bounds[name]
            counts[name] += np.histogram(values, _BINS, (low, max(high, low + 1e-9)))[0]
    return {name: ActivationHistogram(low, high, counts[name]) for name, (low, high) in bounds.items()}


class MinMaxObserver:
    """Smallest and largest values of activations, remembered for each image: calibration sets may share images.

    Args:
        model: float .tflite.
        spec: the model's input.
    """

    def __init__(self, model: bytes, spec: InputSpec) -> None:
        self._taps, self._spec = ActivationProbe(model), spec
        self._known: dict[bytes, np.ndarray] = {}
        self.names = self._taps.names

    def of(self, calibration: np.ndarray) -> dict[str, tuple[float, float]]:
        """Return the (low, high) of each activation over some images, by name.

        Args:
            calibration: uint8 (n, height, width, channels).
        """
        found = np.stack([self._of_one(pixels) for pixels in calibration])
        low, high = found[:, 0].min(axis=0), found[:, 1].max(axis=0)
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(self.names)}

    def _of_one(self, pixels: np.ndarray) -> np.ndarray:
        key = pixels.tobytes()
        if key not in self._known:
            values = self._taps.run(normalize(pixels, self._spec))
            bounds = [[values[name].min() for name in self.names], [values[name].max() for name in self.names]]
            self._known[key] = np.array(bounds, np.float32)
        return self._known[key]


class ActivationProbe:
    """A model whose activations can be read.

    Args:
        model: bytes of a .tflite.
        only: names of the tensors to read; None for all.
    """

    def __init__(self, model: bytes, only: Iterable[str] | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        wanted = None if only is None else set(only)
        # A delegate fuses operators, and what lies between them is never written.
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        with quiet_native():
            self._interpreter: Any = Interpreter(
                model_content=model, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain
            )
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        written = {index for node in self._interpreter._get_ops_details() for index in node["outputs"]}
        self._tensors = [
            details
            for details in self._interpreter.get_tensor_details()
            if (details["index"] in written or details["index"] == self._input["index"])
            and (wanted is None or details["name"] in wanted)
        ]

    @property
    def names(self) -> list[str]:
        """Names of the tensors that are read."""
        return [details["name"] for details in self._tensors]

    def run(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return the real values of the tensors for one image.

        Args:
            values: float32 (height, width, channels).
        """
        self._interpreter.set_tensor(self._input["index"], _encode(values[None], self._input))
        self._interpreter.invoke()
        return {t["name"]: _decode(self._interpreter.get_tensor(t["index"]), t) for t in self._tensors}


def _encode(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero_point = details["quantization"]
    return quantize(values, scale, zero_point, details["dtype"]) if scale else values.astype(details["dtype"])


def _decode(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero_point = details["quantization"]
    return dequantize(values, scale, zero_point) if scale else values.astype(np.float32)
