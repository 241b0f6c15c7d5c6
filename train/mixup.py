"""Mixup (Zhang et al. 2018, arXiv:1710.09412) in NumPy: every picture of a batch is blended with another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixup:
    """Who is blended with whom, and how much.

    Args:
        partners: int (n,): a permutation of the batch.
        shares: float32 (n,): of the picture itself, from 0 to 1; the partner has the rest.
    """

    partners: np.ndarray
    shares: np.ndarray

    @classmethod
    def draw(cls, n: int, alpha: float, rng: np.random.Generator) -> Mixup:
        """Pairs of a batch, each with a share of its own from Beta(alpha, alpha).

        Args:
            n: pictures in the batch.
            alpha: 0.2 leaves most pictures nearly whole, 1 mixes evenly.
            rng: the only source of randomness.
        """
        return cls(rng.permutation(n), rng.beta(alpha, alpha, n).astype(np.float32))

    def pictures(self, inputs: np.ndarray) -> np.ndarray:
        """Blended inputs, float32 (n, height, width, channels)."""
        share = self.shares[:, None, None, None]
        return share * inputs + (1 - share) * inputs[self.partners]

    def targets(self, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Blended targets and sample weights.

        Cross-entropy is linear in its target, so a blend that leans to the heavier of the two has exactly the loss of
        both pictures, each with its own weight. Two weights of 0 stay 0.

        Args:
            targets: float32 (n, outputs).
            weights: float32 (n,).

        Returns:
            targets and weights of the same shapes and type.
        """
        own, other = self.shares * weights, (1 - self.shares) * weights[self.partners]
        total = own + other
        blended = own[:, None] * targets + other[:, None] * targets[self.partners]
        blended /= np.where(total > 0, total, 1)[:, None]
        return blended.astype(np.float32), total.astype(np.float32)
