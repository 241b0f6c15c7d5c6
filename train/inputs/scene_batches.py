"""Batches for the face finder: scenes drawn by a composer, each used twice, with targets."""

from __future__ import annotations

import numpy as np

from ..tasks.detection import targets
from .scenes import SceneComposer

#: Scenes kept for reuse: enough that the same one never stands twice in a batch of its neighbors.
_POOL = 1024


class SceneBatches:
    """Draws batches. A scene costs more than its share of a training step, so each is used twice: once mirrored.

    Args:
        composer: draws the scenes.
        batch: scenes of a batch.
    """

    def __init__(self, composer: SceneComposer, *, batch: int = 64) -> None:
        self._composer, self._batch, self._rng = composer, batch, composer.rng
        self._pool: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        """float32 (batch, height, width, 1) in -1 to 1, and the targets, float32 (batch, cells, 5)."""
        fresh = [self._composer.scene() for _ in range(self._batch - self._batch // 2)]
        again: list[tuple[np.ndarray, np.ndarray]] = []
        while len(again) + len(fresh) < self._batch:
            if len(self._pool) < _POOL:
                again.append(self._composer.scene())
            else:
                again.append(self._pool.pop(int(self._rng.integers(len(self._pool)))))
        # What is drawn goes into the pool mirrored the other way.
        pixels, boxes = zip(
            *(_mirrored(*scene) if self._rng.random() < 0.5 else scene for scene in again + fresh), strict=True
        )
        self._pool.extend(_mirrored(p, b) for p, b in zip(pixels[len(again) :], boxes[len(again) :], strict=True))
        return self._lit(np.stack(pixels)), targets(boxes, self._composer.size)

    def _lit(self, pixels: np.ndarray) -> np.ndarray:
        """Change contrast, brightness and noise of each scene."""
        rng, n = self._rng, len(pixels)
        out = pixels.astype(np.float32)
        out -= 128
        out *= rng.uniform(0.55, 1.25, (n, 1, 1)).astype(np.float32)
        out += 128 + rng.uniform(-34, 34, (n, 1, 1)).astype(np.float32)
        noisy = np.flatnonzero(rng.random(n) < 0.5)
        for index in noisy:
            out[index] += rng.standard_normal(out[index].shape, np.float32) * np.float32(rng.uniform(0, 9))
        np.clip(out, 0, 255, out=out)
        out /= 127.5
        out -= 1
        return out[..., None]


def _mirrored(pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    boxes = boxes.copy()
    boxes[:, 0] = pixels.shape[1] - boxes[:, 0]
    return np.ascontiguousarray(pixels[:, ::-1]), boxes
