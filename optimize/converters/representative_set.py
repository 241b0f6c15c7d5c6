"""The calibration (representative) set: real training faces, never noise."""

from __future__ import annotations

import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.preprocess import InputSpec
from ...train.datasets.dataset import Dataset

#: Neighboring pixels of photographs correlate above 0.9, of drawn, noisy faces above 0.6, of random noise about 0.
MIN_CORRELATION = 0.3


def calibration_pixels(dataset: Dataset, spec: InputSpec) -> np.ndarray:
    """Fit a calibration set to the model's input and refuse what cannot stand for faces.

    Args:
        dataset: images drawn from the training split.
        spec: input of the model.

    Returns:
        uint8 (n, height, width, channels).

    Raises:
        DataError: no images, or random noise, or images of one color.
    """
    if not len(dataset):
        raise DataError("the calibration set is empty", expected="training faces")
    pixels = dataset.pixels(spec)
    found = neighbor_correlation(pixels)
    if found < MIN_CORRELATION:
        raise DataError(
            f"the calibration set {dataset.name} looks like random noise or one flat color, not like faces",
            expected=f"neighboring pixels that correlate above {MIN_CORRELATION}, as in any image of a face",
            got=f"{found:.2f}",
            hint="calibrate on the training faces; ranges seen on noise would be wrong for faces",
        )
    return pixels


def check_calibration(pixels: np.ndarray | None, spec: InputSpec) -> np.ndarray:
    """Refuse calibration pixels that are not what the model sees.

    Args:
        pixels: uint8 (n, height, width, channels), or None.
        spec: the model's input.

    Returns:
        The same pixels.

    Raises:
        DataError: none at all, another size, another number of channels, or not 8-bit pixels.
    """
    wanted = f"uint8 images of {spec.height} x {spec.width} pixels and {spec.depth} channels"
    if pixels is None or not len(pixels):
        raise DataError(
            "static quantization needs calibration faces", expected=wanted, got="none", hint="give them with --data"
        )
    if pixels.dtype != np.uint8 or pixels.shape[1:] != spec.shape:
        raise DataError(
            "the calibration faces do not fit the model",
            expected=wanted,
            got=f"{pixels.dtype} of shape {pixels.shape}",
            hint="fit them with Dataset.pixels(card.input)",
        )
    return pixels


def neighbor_correlation(pixels: np.ndarray) -> float:
    """Return the median over images of Pearson's correlation between horizontally neighboring pixels.

    Images of one color count as 0: they tell as little about ranges as noise does.

    Args:
        pixels: uint8 (n, height, width, channels).
    """
    values = pixels.astype(np.float32)
    left = values[:, :, :-1].reshape(len(values), -1)
    right = values[:, :, 1:].reshape(len(values), -1)
    left -= left.mean(axis=1, keepdims=True)
    right -= right.mean(axis=1, keepdims=True)
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return float(np.median(np.divide((left * right).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)))
