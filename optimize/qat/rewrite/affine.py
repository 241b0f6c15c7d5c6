"""Layers that, in a deployed graph, only multiply and add a constant to each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....train.backend import keras
from .graph import Node

L = keras.layers


@dataclass(frozen=True)
class Affine:
    """x -> scale * x + offset for each channel, the last axis.

    Args:
        scale, offset: float64 (channels,).
    """

    scale: np.ndarray
    offset: np.ndarray

    def tiled(self, times: int) -> Affine:
        """Return the same behind a Flatten of so many places."""
        return Affine(np.tile(self.scale, times), np.tile(self.offset, times))


def affine_of(node: Node) -> Affine | None:
    """Return what a layer multiplies by and adds.

    Args:
        node: any layer.

    Returns:
        None for every layer but BatchNormalization (in inference), Rescaling and Normalization over the last axis.
    """
    channels = node.shape[-1] if node.shape else 0
    if node.is_a(L.BatchNormalization) and _last_axis(node):
        return _of_batch_normalization(node, channels)
    if node.is_a(L.Rescaling):
        return Affine(*(_spread(node.config[key], channels) for key in ("scale", "offset")))
    if node.is_a(L.Normalization) and _last_axis(node):
        return _of_normalization(node, channels)
    return None


def _of_batch_normalization(node: Node, channels: int) -> Affine:
    weights = iter(np.asarray(values, np.float64) for values in node.weights)
    gamma = next(weights) if node.config["scale"] else np.ones(channels)
    beta = next(weights) if node.config["center"] else np.zeros(channels)
    mean, variance = weights
    scale = gamma / np.sqrt(variance + node.config["epsilon"])
    return Affine(scale, beta - mean * scale)


def _of_normalization(node: Node, channels: int) -> Affine:
    if node.weights:
        mean, variance = node.weights[:2]
    else:
        mean, variance = node.config["mean"], node.config["variance"]
    # Keras divides by the deviation, and by its epsilon where that is smaller.
    deviation = np.maximum(np.sqrt(_spread(variance, channels)), keras.backend.epsilon())
    if node.config.get("invert"):
        return Affine(deviation, _spread(mean, channels))
    return Affine(1 / deviation, -_spread(mean, channels) / deviation)


def _last_axis(node: Node) -> bool:
    axis = node.config["axis"]
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    return axes in ([-1], [len(node.shape)], [])


def _spread(values: object, channels: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(values, np.float64).ravel(), (channels,)).copy()
