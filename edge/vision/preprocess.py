"""Preprocessing of a face crop into a model's input tensor, the same in training and on the device.

There is no second resize, color conversion or normalization in the project: training caches what :func:`fit` makes,
augments that, and calls :func:`normalize`, as calibration does; validation, benchmark and camera look up what
:func:`to_input` would give (:class:`Encoder`).
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..common.errors import ModelError

#: Normalizations by name: value = pixel * scale + offset, a pair for each color channel (R, G, B), or one for all.
#: ``imagenet`` is the per-channel mean and standard deviation used for DenseNet and ResNet weights.
NORMALIZATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "unit": ((1 / 255,), (0.0,)),
    "symmetric": ((1 / 127.5,), (-1.0,)),
    "raw": ((1.0,), (0.0,)),
    "imagenet": (
        (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
        (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    ),
}
CHANNELS = {"gray": 1, "rgb": 3}
_OWN = re.compile(r"mean=(?P<mean>[^;]+); *std=(?P<std>[^;]+)")


@dataclass(frozen=True)
class InputSpec:
    """The input of a model.

    Args:
        height, width: pixels.
        channels: ``"gray"`` or ``"rgb"``.
        normalization: a key of :data:`NORMALIZATIONS`, or ``mean=M;std=S`` for value = (pixel - M) / S; for ``rgb``
            each may be three numbers with commas between them.
    """

    height: int
    width: int
    channels: str = "gray"
    normalization: str = "unit"

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS:
            raise ModelError("unknown channels", expected=" or ".join(CHANNELS), got=repr(self.channels))
        if self.channels != "rgb" and any(len(numbers) > 1 for numbers in scale_and_offset(self.normalization)):
            raise ModelError(
                f"normalization {self.normalization!r} does not fit", expected="channels 'rgb'", got=self.channels
            )
        if not (1 <= self.height <= 4096 and 1 <= self.width <= 4096):
            raise ModelError("input size out of range", expected="1 to 4096", got=f"{self.height}x{self.width}")

    @property
    def depth(self) -> int:
        """Number of channels: 1 or 3."""
        return CHANNELS[self.channels]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.depth


@functools.lru_cache(maxsize=32)
def scale_and_offset(normalization: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the factor and the summand of each color channel, or one of each for all channels.

    Args:
        normalization: see :class:`InputSpec`.

    Raises:
        ModelError: not of this form.
    """
    if normalization in NORMALIZATIONS:
        return NORMALIZATIONS[normalization]
    if found := _OWN.fullmatch(str(normalization)):
        mean, std = _numbers(found["mean"]), _numbers(found["std"])
        if all(len(numbers) in (1, 3) for numbers in (mean, std)) and all(std):
            count = max(len(mean), len(std))
            mean, std = mean * (count // len(mean)), std * (count // len(std))
            return tuple(1 / s for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True))
    known = ", ".join(NORMALIZATIONS)
    raise ModelError("unknown normalization", expected=f"one of {known}, or mean=M;std=S", got=repr(normalization))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def fit(face: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Resize a face crop to a model's size and convert it to its colors.

    Color first, then size: converting three channels to one before the resize is cheaper and, both being linear,
    differs by rounding only. Shrinking averages over areas (no aliasing), enlarging interpolates bilinearly.

    Args:
        face: uint8 (h, w), (h, w, 1) gray or (h, w, 3) RGB.
        spec: input of the model.

    Returns:
        uint8 (height, width, channels); possibly a view of ``face`` when nothing was to be done.

    Raises:
        ModelError: not an 8-bit gray or RGB image, or an empty one.
    """
    if face.dtype != np.uint8 or face.ndim not in (2, 3) or (face.ndim == 3 and face.shape[2] not in (1, 3)):
        raise ModelError(
            "not a face crop", expected="uint8 (h, w), (h, w, 1) or (h, w, 3)", got=f"{face.dtype} {face.shape}"
        )
    if face.size == 0:
        raise ModelError("an empty face crop", expected="at least one pixel", got=f"shape {face.shape}")
    plane = face[:, :, 0] if face.ndim == 3 and face.shape[2] == 1 else face
    if spec.channels == "gray" and plane.ndim == 3:
        plane = cv2.cvtColor(plane, cv2.COLOR_RGB2GRAY)
    elif spec.channels == "rgb" and plane.ndim == 2:
        plane = cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)
    if plane.shape[:2] != (spec.height, spec.width):
        shrinking = plane.shape[0] >= spec.height and plane.shape[1] >= spec.width
        how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        plane = cv2.resize(plane, (spec.width, spec.height), interpolation=how)
    return plane.reshape(spec.shape)


def normalize(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Scale fitted pixels to the model's value range.

    Args:
        pixels: uint8 (..., height, width, channels).
        spec: input of the model.

    Returns:
        float32 of the same shape.
    """
    scale, offset = scale_and_offset(spec.normalization)
    values = pixels.astype(np.float32)
    values *= np.asarray(scale, np.float32)
    values += np.asarray(offset, np.float32)
    return values


def to_input(face: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Convert a face crop to an input tensor without the batch axis: :func:`fit`, then :func:`normalize`.

    Args:
        face: uint8 (h, w), (h, w, 1) gray or (h, w, 3) RGB.
        spec: input of the model.

    Returns:
        float32 (height, width, channels).
    """
    return normalize(fit(face, spec), spec)


class Encoder:
    """A lookup table from fitted pixels to the values of an input tensor: :func:`normalize`, then ``encode``.

    A channel has 256 values, so that both are done once for each and kept. That spares a frame its arithmetic: behind a
    face detector, which pushes everything else out of the caches, it took as long as the resize.

    Args:
        spec: input of the model.
        encode: real values, float32, to what the tensor holds, value by value.
    """

    def __init__(self, spec: InputSpec, encode: Callable[[np.ndarray], np.ndarray]) -> None:
        self._spec = spec
        levels = np.repeat(np.arange(256, dtype=np.uint8), spec.depth).reshape(1, 256, spec.depth)
        self._table = np.ascontiguousarray(encode(normalize(levels, spec)))

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (height, width, channels) to the same shape in the tensor's type."""
        return cv2.LUT(pixels, self._table).reshape(self._spec.shape)


def quantize(values: np.ndarray, scale: float, zero_point: int, dtype: type[np.generic] | np.dtype) -> np.ndarray:
    """Quantize values as TFLite defines it: q = round(x / scale) + zero_point, saturated.

    Args:
        values: float32, any shape.
        scale, zero_point: quantization of the tensor.
        dtype: integer type of the tensor.
    """
    limits = np.iinfo(np.dtype(dtype))
    quantized = np.rint(values / np.float32(scale)) + np.float32(zero_point)
    return np.clip(quantized, limits.min, limits.max).astype(dtype)


def dequantize(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Return the real values of quantized ones: float32 (q - zero_point) * scale."""
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
