"""Probabilities from a model's outputs, and temperature scaling of them."""

from __future__ import annotations

import numpy as np

from ..model.card import ModelCard

#: Smallest probability that is distinguished from 0: below it, float32 softmax outputs are rounding noise.
FLOOR = 1e-7


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis.

    Args:
        logits: float (..., labels).
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def as_probabilities(outputs: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return the probabilities that a model's outputs stand for.

    Args:
        outputs: float (..., outputs); one output p of a binary model becomes (1 - p, p).
        card: card of the model.

    Returns:
        float (..., labels).
    """
    if card.logits:
        # One output is the logit of the second label against the first.
        both = np.concatenate([np.zeros_like(outputs), outputs], axis=-1) if card.task == "binary" else outputs
        return softmax(both)
    if card.task == "binary":
        return np.concatenate([1 - outputs, outputs], axis=-1)
    return outputs


def apply_temperature(probabilities: np.ndarray, temperature: float, *, floor: float = FLOOR) -> np.ndarray:
    """Return probabilities with corrected confidence: temperature scaling (Guo et al. 2017, arXiv:1706.04599).

    Logarithms of softmax outputs are its inputs up to a constant, so that they can be divided by the temperature
    instead; for a sigmoid the logarithms of (1 - p, p) do the same. The most probable label stays the same.

    Args:
        probabilities: float (..., labels).
        temperature: above 1 lowers the confidence of confident answers, below 1 raises it.
        floor: smaller probabilities count as this. A quantized output of 0 stands for anything that rounds to it, up
            to half a step; it is taken for that half step, because 0 would stay 0 at every temperature.

    Returns:
        float32 of the same shape, sums to 1.
    """
    return softmax(np.log(np.maximum(probabilities, floor, dtype=np.float64)) / temperature).astype(np.float32)
