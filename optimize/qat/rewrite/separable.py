"""Splitting of SeparableConv2D into its two parts."""

from __future__ import annotations

from ....train.backend import keras
from .graph import Network, Node

L = keras.layers


def split_separable(network: Network) -> list[str]:
    """Replace each SeparableConv2D by a DepthwiseConv2D and a 1x1 Conv2D.

    tfmot splits it too, into layers with automatic names that can collide with those of a model that was loaded.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        if not node.is_a(L.SeparableConv2D):
            continue
        whole, (depthwise, *pointwise) = node.config, node.weights
        spatial = ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate", "data_format")
        part = Node(
            f"{node.name}_depthwise",
            L.DepthwiseConv2D,
            {**{key: whole[key] for key in spatial}, "use_bias": False},
            list(node.inputs),
            [depthwise],
        )
        # The depthwise part makes planes of the final size, each of them from one of its inputs.
        part.shape = (*node.shape[:-1], depthwise.shape[2] * depthwise.shape[3])
        point = Node(
            node.name,
            L.Conv2D,
            {
                "filters": whole["filters"],
                "kernel_size": 1,
                "data_format": whole["data_format"],
                "activation": whole["activation"],
                "use_bias": whole["use_bias"],
                "padding": "valid",
                "groups": 1,
                "kernel_regularizer": whole["pointwise_regularizer"],
            },
            [part],
            pointwise,
            node.shape,
        )
        network.replace(node, point)
        done.append(f"{node.name}: SeparableConv2D split into {part.name} and a 1x1 convolution")
    return done
