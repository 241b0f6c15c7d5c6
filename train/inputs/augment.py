"""Random changes of training images in NumPy and OpenCV, cheap enough to hide behind the training step."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from ..config.sections import Augmentation


@dataclass(frozen=True)
class Changes:
    """Random changes of n images: drawn once, so that the same change can be made again elsewhere.

    Args:
        warp: float64 (n, 2, 3): places of the changed image -> places of the image, pixels.
        gain: float32 (n,): contrast about the image's mean.
        lift: float32 (n,): gray levels added.
        erased: int32 (n, 4): top, left, height and width of the rectangle that becomes noise; height 0 for none.
        noise: uint32 (n,): seed of that noise.
    """

    warp: np.ndarray
    gain: np.ndarray
    lift: np.ndarray
    erased: np.ndarray
    noise: np.ndarray

    @classmethod
    def draw(cls, n: int, height: int, width: int, settings: Augmentation, rng: np.random.Generator) -> Changes:
        """Draw the changes of n images.

        Args:
            n: how many.
            height, width: of the images.
            settings: how far.
            rng: the only source of randomness.
        """
        top, left, tall, wide = _rectangles(n, height, width, rng)
        hit = rng.random(n) < settings.erase
        return cls(
            warp=_matrices(n, height, width, settings, rng),
            gain=rng.uniform(1 - settings.contrast, 1 + settings.contrast, n).astype(np.float32),
            lift=rng.uniform(-255 * settings.brightness, 255 * settings.brightness, n).astype(np.float32),
            erased=np.stack([top, left, np.where(hit, tall, 0), wide], axis=1).astype(np.int32),
            noise=rng.integers(0, 1 << 32, n, dtype=np.uint32),
        )

    def of(self, chosen: np.ndarray) -> Changes:
        """Return the changes of the images at these positions."""
        return Changes(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Change every image.

        Geometry is one affine warp per image (rotation, scale, shift and mirroring together: one interpolation),
        edges are reflected. Then contrast and brightness, then random erasing with noise.

        Args:
            pixels: uint8 (n, height, width, channels).

        Returns:
            uint8 of the same shape; ``pixels`` is not changed.
        """
        out = self._shaded(self._warped(pixels))
        for index in np.flatnonzero(self.erased[:, 2]):
            top, left, tall, wide = self.erased[index]
            # A generator for each, so that an image's noise does not depend on what else is in the batch.
            noise = np.random.default_rng(self.noise[index]).integers(0, 256, (tall, wide, out.shape[3]), np.uint8)
            out[index, top : top + tall, left : left + wide] = noise
        return out

    def _warped(self, pixels: np.ndarray) -> np.ndarray:
        height, width, channels = pixels.shape[1:]
        out = np.empty_like(pixels)
        for index, (image, matrix) in enumerate(zip(pixels, self.warp, strict=True)):
            warped = cv2.warpAffine(
                image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
            )
            out[index] = warped.reshape(height, width, channels)
        return out

    def _shaded(self, pixels: np.ndarray) -> np.ndarray:
        gain, lift = self.gain[:, None, None, None], self.lift[:, None, None, None]
        if (gain == 1).all() and not lift.any():
            return pixels
        mean = pixels.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
        # (x - mean) * gain + mean + lift, with the constant part gathered so that the batch is walked twice, not four
        # times.
        return np.clip(pixels * gain + (mean * (1 - gain) + lift), 0, 255).astype(np.uint8)


def augment(pixels: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Change every image of a batch at random; see :meth:`Changes.apply`.

    Args:
        pixels: uint8 (n, height, width, channels).
        settings: how far.
        rng: the only source of randomness.
    """
    n, height, width, _ = pixels.shape
    return Changes.draw(n, height, width, settings, rng).apply(pixels)


def _matrices(n: int, height: int, width: int, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
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
    return matrices


def _rectangles(n: int, height: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Top, left, height and width of rectangles for random erasing, of 2 to 20 % of the area, int64 (n,) each."""
    area = rng.uniform(0.02, 0.2, n) * height * width
    aspect = np.exp(rng.uniform(np.log(0.3), np.log(3.3), n))
    tall = np.clip(np.round(np.sqrt(area * aspect)), 1, height).astype(np.int64)
    wide = np.clip(np.round(np.sqrt(area / aspect)), 1, width).astype(np.int64)
    return rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1), tall, wide
