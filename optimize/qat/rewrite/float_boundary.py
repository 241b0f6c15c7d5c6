"""Boundaries of layers that stay in floating point."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ....train.backend import keras, tf
from .graph import Network, Node


class FloatBoundary(keras.layers.Layer):
    """Identity by way of float64, which no quantizer looks through.

    The converter takes every operator to int8 whose inputs and output have ranges, with or without ranges of its
    weights. Behind this layer ranges start again; :func:`edgeemo.optimize.graph.remove_casts.remove_casts` removes
    it in the end.
    """

    def call(self, inputs: Any) -> Any:
        """Return the same values, float32."""
        return tf.cast(tf.cast(inputs, tf.float64), tf.float32)


def add_boundaries(network: Network, skip: Collection[str]) -> None:
    """Put a boundary, and an activation whose ranges start again, between layers in floating point and all others.

    Args:
        network: after all rules; changed.
        skip: layers that stay in floating point.
    """
    for node in network.nodes:
        others = [one for one in network.consumers(node) if one.name not in skip]
        if node.name not in skip or not others or node is network.output:
            continue
        border = Node(f"{node.name}_fence", FloatBoundary, {}, [node], shape=node.shape)
        again = Node(
            f"{node.name}_again", keras.layers.Activation, {"activation": "linear"}, [border], shape=node.shape
        )
        for other in others:
            other.inputs = [again if one is node else one for one in other.inputs]
