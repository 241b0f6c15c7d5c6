"""Mixup and cutmix of training images, in NumPy: every image of a batch gets a partner there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixup:
    """Mixup (Zhang et al. 2018, arXiv:1710.09412): the partner of each image, and the shares.

    Args:
        partners: int (n,): a permutation of the batch.
        shares: float32 (n,): of the image itself, from 0 to 1; the partner has the rest.
    """

    partners: np.ndarray
    shares: np.ndarray

    @classmethod
    def draw(cls, n: int, alpha: float, rng: np.random.Generator) -> Mixup:
        """Draw the pairs of a batch, each with a share of its own from Beta(alpha, alpha).

        Args:
            n: number of images in the batch.
            alpha: parameter of the Beta distribution; 0.2 leaves most images nearly whole, 1 mixes evenly.
            rng: the only source of randomness.
        """
        return cls(rng.permutation(n), rng.beta(alpha, alpha, n).astype(np.float32))

    def images(self, inputs: np.ndarray) -> np.ndarray:
        """Return mixed inputs, float32 (n, height, width, channels)."""
        share = self.shares[:, None, None, None]
        return share * inputs + (1 - share) * inputs[self.partners]

    def targets(self, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mixed targets and sample weights; see :func:`mixed_targets`."""
        return mixed_targets(self.shares, (targets, weights), (targets[self.partners], weights[self.partners]))


@dataclass(frozen=True)
class Cutmix(Mixup):
    """Cutmix (Yun et al. 2019, arXiv:1905.04899): a rectangle of each image is its partner's.

    Args:
        partners: int (n,): a permutation of the batch.
        shares: float32 (n,): of the area that is the image's own.
        cut: bool (n, height, width): what is the partner's.
    """

    cut: np.ndarray

    @classmethod
    def draw_cuts(cls, n: int, alpha: float, rng: np.random.Generator, *, height: int, width: int) -> Cutmix:
        """Draw rectangles of the image's proportions about any point, cut off at the rim; shares are what is left.

        Args:
            n: number of images in the batch.
            alpha: areas are drawn from Beta(alpha, alpha); 1 makes all equally likely, as published.
            rng: the only source of randomness.
            height, width: of the images, pixels.
        """
        pairs = Mixup.draw(n, alpha, rng)
        sides = np.sqrt(1 - pairs.shares)

        def between(length: int) -> np.ndarray:
            """Return which rows (or columns) a rectangle has, bool (n, length)."""
            half, center = sides * length / 2, rng.uniform(0, length, n)
            places = np.arange(length) + 0.5
            return np.abs(places - center[:, None]) < half[:, None]

        cut = between(height)[:, :, None] & between(width)[:, None, :]
        return cls(pairs.partners, 1 - cut.mean(axis=(1, 2), dtype=np.float32), cut)

    def images(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs with their partners' rectangles, float32 (n, height, width, channels)."""
        return np.where(self.cut[..., None], inputs[self.partners], inputs)


def mixed_targets(
    shares: np.ndarray, own: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and sample weights of mixed images.

    Cross-entropy is linear in its target, so a mixture that leans to the heavier of the two has exactly the loss of
    both images, each with its own weight. Two weights of 0 stay 0.

    Args:
        shares: float32 (n,): of the first image of each pair.
        own, other: targets float32 (n, outputs) and weights float32 (n,) of the first and the second images.

    Returns:
        targets and weights of the same shapes and type.
    """
    first, second = shares * own[1], (1 - shares) * other[1]
    total = first + second
    targets = first[:, None] * own[0] + second[:, None] * other[0]
    targets /= np.where(total > 0, total, 1)[:, None]
    return targets.astype(np.float32), total.astype(np.float32)


def draw_mixing(shape: tuple[int, ...], *, mixup: float, cutmix: float, rng: np.random.Generator) -> Mixup | None:
    """Draw mixup or cutmix for a batch, either with equal chances where both are wanted; None without any.

    Args:
        shape: shape of the batch, (n, height, width, channels).
        mixup, cutmix: their alphas; 0 for never.
        rng: the only source of randomness.
    """
    n, height, width = shape[:3]
    if cutmix and (not mixup or rng.random() < 0.5):
        return Cutmix.draw_cuts(n, cutmix, rng, height=height, width=width)
    return Mixup.draw(n, mixup, rng) if mixup else None
