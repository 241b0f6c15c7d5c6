"""Random changes of training pictures in NumPy and OpenCV, cheap enough to hide behind the training step."""

from __future__ import annotations

import cv2
import numpy as np

from .recipe import Augmentation


def augment(pixels: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Change every picture of a batch at random.

    Geometry is one affine warp per picture (rotation, scale, shift and mirroring together: one interpolation), edges
    are reflected. Then contrast and brightness, then random erasing with noise.

    Args:
        pixels: uint8 (n, height, width, channels).
        settings: how far.
        rng: the only source of randomness.

    Returns:
        uint8 of the same shape; ``pixels`` is not changed.
    """
    out = _warp(pixels, settings, rng)
    if settings.contrast or settings.brightness:
        out = _shade(out, settings, rng)
    if settings.erase:
        _erase(out, settings.erase, rng)
    return out


def _warp(pixels: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    n, height, width, channels = pixels.shape
    out = np.empty_like(pixels)
    angle = np.deg2rad(rng.uniform(-settings.rotation, settings.rotation, n))
    factor = rng.uniform(1 - settings.scale, 1 + settings.scale, n)
    shift_x = rng.uniform(-settings.shift, settings.shift, n) * width
    shift_y = rng.uniform(-settings.shift, settings.shift, n) * height
    mirror = np.where(settings.flip & (rng.random(n) < 0.5), -1.0, 1.0)
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    matrices = np.empty((n, 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos * mirror, sin
    matrices[:, 1, 0], matrices[:, 1, 1] = -sin * mirror, cos
    matrices[:, 0, 2] = middle_x + shift_x - matrices[:, 0, 0] * middle_x - matrices[:, 0, 1] * middle_y
    matrices[:, 1, 2] = middle_y + shift_y - matrices[:, 1, 0] * middle_x - matrices[:, 1, 1] * middle_y
    for index in range(n):
        warped = cv2.warpAffine(
            pixels[index], matrices[index], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        out[index] = warped.reshape(height, width, channels)
    return out


def _shade(pixels: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    n = len(pixels)
    gain = rng.uniform(1 - settings.contrast, 1 + settings.contrast, (n, 1, 1, 1)).astype(np.float32)
    lift = rng.uniform(-255 * settings.brightness, 255 * settings.brightness, (n, 1, 1, 1)).astype(np.float32)
    mean = pixels.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    # (x - mean) * gain + mean + lift, with the constant part gathered so that the batch is walked twice, not four
    # times.
    return np.clip(pixels * gain + (mean * (1 - gain) + lift), 0, 255).astype(np.uint8)


def _erase(pixels: np.ndarray, probability: float, rng: np.random.Generator) -> None:
    n, height, width, channels = pixels.shape
    for index in np.flatnonzero(rng.random(n) < probability):
        area = rng.uniform(0.02, 0.2) * height * width
        aspect = np.exp(rng.uniform(np.log(0.3), np.log(3.3)))
        h = int(np.clip(round(np.sqrt(area * aspect)), 1, height))
        w = int(np.clip(round(np.sqrt(area / aspect)), 1, width))
        top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        pixels[index, top : top + h, left : left + w] = rng.integers(0, 256, (h, w, channels), np.uint8)
