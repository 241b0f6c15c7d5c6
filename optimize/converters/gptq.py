"""GPTQ rounding: weights are rounded so that their errors cancel on real faces.

Rounding each weight to the nearest of 255 steps is best for weights that are multiplied by unrelated numbers. The
pixels under a filter are related, in the first layer above all: there the errors of nine weights that are all rounded
upwards add up to a brightness that was never seen. Here a layer's weights are rounded one after the other, and each
error is made good for by those that follow, as far as the layer's inputs on calibration faces allow: the least squared
error of what it writes, by optimal brain compression (Frantar and Alistarh 2022, arXiv:2208.11580) in the order and by
the Cholesky factor of GPTQ (Frantar et al. 2023, arXiv:2210.17323). Scales, biases, size and speed are untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.tflite.flatbuffer import Buffer
from ...edge.tflite.graph import Operator, TensorInfo, read_graph
from ...edge.vision.preprocess import InputSpec, normalize
from .activation_ranges import ActivationProbe

#: Layers whose outputs sum more products are left: their matrix would not fit.
LARGEST = 4096
#: What the matrices of the layers that are looked at together may take.
_HELD_BYTES = 1 << 29
#: Of the mean diagonal: keeps the matrix invertible where an input is never anything but zero.
_DAMPING = 1e-3
_FACES = 300
_LIMIT = 127
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def round_weights(data: bytes, reference: bytes, spec: InputSpec, calibration: np.ndarray) -> bytes:
    """Round the weights of a quantized model again, with compensation of errors.

    Args:
        data: .tflite with int8 weights and quantized activations, without a card.
        reference: the float .tflite that it was made of.
        spec: the model's input.
        calibration: uint8 (n, height, width, channels); the first 300 are looked at.

    Returns:
        The same model with other int8 weights, each within a few steps of what it was.

    Raises:
        ModelError: no layer of the one was found in the other.
    """
    rounding = GptqRounding(reference, spec, calibration)
    if not rounding.layers(data):
        raise ModelError(
            "no layer was found whose weights could be rounded",
            expected="int8 weights of convolutions or dense layers, stored in the model itself",
            hint="leave --rounding away",
        )
    return rounding.apply(data)


class GptqRounding:
    """Rounded weights of a float model, for any number of models that are quantized from it.

    They depend on the float model, its calibration faces and the size of a step, not on what else is quantized: each
    layer's are found once.

    Args:
        reference: the float .tflite.
        spec: its input.
        calibration: uint8 (n, height, width, channels); the first 300 are looked at.
    """

    def __init__(self, reference: bytes, spec: InputSpec, calibration: np.ndarray) -> None:
        self._reference, self._spec, self._calibration = reference, spec, calibration[:_FACES]
        self._operators = read_graph(reference).operators
        self._buffers = list(Buffer(reference).root.tables(4))
        self._known: dict[tuple[str, bytes], np.ndarray] = {}

    def apply(self, data: bytes) -> bytes:
        """Return a model that was quantized from it, with its weights rounded.

        Args:
            data: .tflite, in which some layers may be left in float.
        """
        layers = self.layers(data)
        for together in _groups([layer for layer in layers if layer.key not in self._known]):
            probe = ActivationProbe(self._reference, {layer.input.name for layer in together})
            for pixels in self._calibration:
                seen = probe.run(normalize(pixels, self._spec))
                for layer in together:
                    layer.see(seen[layer.input.name])
            self._known |= {layer.key: layer.rounded() for layer in together}
        changed = bytearray(data)
        for layer in layers:
            steps = self._known[layer.key].tobytes()
            changed[layer.place : layer.place + len(steps)] = steps
        return bytes(changed)

    def layers(self, data: bytes) -> list[Layer]:
        """Return the layers of a quantized model that were found in the float one."""
        places = [buffer.vector(0) for buffer in Buffer(data).root.tables(4)]
        operators = read_graph(data).operators
        users = [tensor.buffer for operator in operators for tensor in operator.constants]
        found = []
        for operator in operators:
            if not _can_be_rounded(operator):
                continue
            tensor = operator.inputs[1]
            place = places[tensor.buffer]
            if not place or places.count(place) > 1 or users.count(tensor.buffer) > 1:
                # Behind the flatbuffer, or read by another layer too.
                continue
            stored = np.frombuffer(data, np.int8, tensor.bytes, place + 4).reshape(tensor.shape)
            for candidate in self._operators:
                if (weights := self._same(candidate, operator, stored)) is not None:
                    found.append(Layer(candidate, _as_rows(weights, operator), np.asarray(tensor.scales), place + 4))
                    break
        return found

    def _same(self, candidate: Operator, operator: Operator, stored: np.ndarray) -> np.ndarray | None:
        """Return the weights of a float operator, float64, if these steps are quantized from them."""
        if candidate.name != operator.name:
            return None
        floats, tensor = candidate.inputs[1], operator.inputs[1]
        if floats.type != "FLOAT32" or floats.shape != tensor.shape:
            return None
        raw = self._buffers[floats.buffer].raw(0)
        weights = np.frombuffer(bytes(raw), "<f4").reshape(floats.shape).astype(np.float64)
        shape = [1] * stored.ndim
        shape[tensor.axis if len(tensor.scales) > 1 else 0] = len(tensor.scales)
        scales = np.asarray(tensor.scales, np.float64).reshape(shape)
        return weights if (np.abs(stored * scales - weights) <= 0.6 * scales + 1e-12).all() else None


@dataclass
class Layer:
    """Layer of a quantized model, and its float weights.

    Args:
        operator: of the float model.
        weights: float64 (filters, products): its own. Depthwise filters are as many as channels.
        scales: of the quantized weights, one for all or one for each filter.
        place: of the int8 weights in the bytes of the quantized model.
    """

    operator: Operator
    weights: np.ndarray
    scales: np.ndarray
    place: int
    _moments: np.ndarray | None = field(default=None, init=False)

    @property
    def key(self) -> tuple[str, bytes]:
        """Key of what the rounding depends on."""
        return self.operator.outputs[0].name, self.scales.tobytes()

    @property
    def input(self) -> TensorInfo:
        return self.operator.inputs[0]

    @property
    def depthwise(self) -> bool:
        return self.operator.name == "DEPTHWISE_CONV_2D"

    @property
    def bytes(self) -> int:
        """Size of the second moments of its inputs, float64 ([channels,] products, products)."""
        products = self.weights.shape[1]
        return 8 * products**2 * (len(self.weights) if self.depthwise else 1)

    def see(self, values: np.ndarray) -> None:
        """Add what it reads for one face, float32 (1, ...)."""
        seen = patches(values, self.operator)
        moments = np.einsum("nci,ncj->cij", seen, seen, optimize=True) if self.depthwise else seen.T @ seen
        self._moments = moments.astype(np.float64) if self._moments is None else self._moments + moments

    def rounded(self) -> np.ndarray:
        """Return the rounded weights, int8, in the order in which they are stored."""
        assert self._moments is not None
        scales = np.resize(self.scales.astype(np.float64), len(self.weights))
        if self.depthwise:
            one = [slice(channel, channel + 1) for channel in range(len(self.weights))]
            rows = [rounded(self.weights[c], scales[c], self._moments[c][0]) for c in one]
            stored = np.concatenate(rows).T
        else:
            stored = rounded(self.weights, scales, self._moments)
        self._moments = None
        return stored.astype(np.int8)


def rounded(weights: np.ndarray, scales: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Round weights for the least squared error of their products with inputs of these second moments.

    Args:
        weights: float64 (filters, products).
        scales: float64 (filters,): size of a step.
        moments: float64 (products, products): sum or mean of x x^T over the inputs x.

    Returns:
        float64 (filters, products): whole numbers from -127 to 127.
    """
    mean = np.trace(moments) / len(moments)
    if not mean > 0:
        return np.clip(np.rint(weights / scales[:, None]), -_LIMIT, _LIMIT)
    # Those that weigh most come first, while there are many left to make good for them.
    order = np.argsort(-np.diag(moments), kind="stable")
    ordered = moments[np.ix_(order, order)] / mean + _DAMPING * np.eye(len(order))
    factor = np.linalg.cholesky(np.linalg.inv(ordered)).T
    left = weights[:, order].astype(np.float64)
    steps = np.empty_like(left)
    for place in range(len(order)):
        steps[:, place] = np.clip(np.rint(left[:, place] / scales), -_LIMIT, _LIMIT)
        error = (left[:, place] - steps[:, place] * scales) / factor[place, place]
        left[:, place:] -= np.outer(error, factor[place, place:])
    result = np.empty_like(steps)
    result[:, order] = steps
    return result


def patches(values: np.ndarray, operator: Operator) -> np.ndarray:
    """Return what a layer multiplies by its weights at each position.

    Args:
        values: float32 (1, height, width, channels), or anything that a dense layer flattens.
        operator: convolution, depthwise convolution or dense layer.

    Returns:
        float32 (places, products) in the order of the weights; depthwise (places, channels, products).
    """
    if operator.name == "FULLY_CONNECTED":
        return values.reshape(-1, operator.inputs[1].shape[-1])
    height, width = operator.inputs[1].shape[1:3]
    down, across = operator.options["stride_h"], operator.options["stride_w"]
    rows, columns = operator.outputs[0].shape[1:3]
    # With SAME what is missing is added on both sides, the odd one behind; with VALID nothing is missing.
    above = max((rows - 1) * down + height - values.shape[1], 0)
    beside = max((columns - 1) * across + width - values.shape[2], 0)
    padded = np.pad(
        values[0], ((above // 2, above - above // 2), (beside // 2, beside - beside // 2), (0, 0)), mode="constant"
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(0, 1))
    chosen = windows[::down, ::across][:rows, :columns]  # rows, columns, channels, height, width
    if operator.name == "DEPTHWISE_CONV_2D":
        return chosen.reshape(rows * columns, -1, height * width)
    return chosen.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)


def _can_be_rounded(operator: Operator) -> bool:
    if operator.name not in _KINDS or len(operator.inputs) < 2:
        return False
    values, weights = operator.inputs[:2]
    dilated = operator.options.get("dilation_w", 1) != 1 or operator.options.get("dilation_h", 1) != 1
    grouped = operator.name == "CONV_2D" and values.shape[-1] != weights.shape[-1]
    multiplied = operator.name == "DEPTHWISE_CONV_2D" and values.shape[-1] != weights.shape[-1]
    products = np.prod(weights.shape[1:3] if operator.name == "DEPTHWISE_CONV_2D" else weights.shape[1:])
    quantized = weights.constant and weights.type == "INT8" and weights.scales and values.scales
    return bool(quantized and not dilated and not grouped and not multiplied and products <= LARGEST)


def _as_rows(weights: np.ndarray, operator: Operator) -> np.ndarray:
    if operator.name == "DEPTHWISE_CONV_2D":
        return weights.reshape(-1, weights.shape[-1]).T
    return weights.reshape(weights.shape[0], -1)


def _groups(layers: list[Layer]) -> Iterator[list[Layer]]:
    """Group layers so that the matrices of a group fit into memory."""
    group: list[Layer] = []
    for layer in layers:
        if group and sum(one.bytes for one in group) + layer.bytes > _HELD_BYTES:
            yield group
            group = []
        group.append(layer)
    if group:
        yield group
