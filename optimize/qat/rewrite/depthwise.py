"""Replacement of scaling layers that cannot be folded by 1x1 depthwise convolutions."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ....train.backend import keras
from .affine import affine_of
from .fold_batchnorm import trains_folded
from .graph import Network, Node

L = keras.layers


def scale_by_depthwise(network: Network, skip: Collection[str] = ()) -> list[str]:
    """Replace each scaling layer that is left by a DepthwiseConv2D of one pixel, which tfmot quantizes.

    A vector is made an image of one pixel and back. The name stays. Other tensors than planes and vectors are left.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        affine = affine_of(node)
        planes = len(node.shape) == 3
        if affine is None or node.name in skip or trains_folded(network, node, skip) or len(node.shape) not in (1, 3):
            continue
        before, channels = node.inputs[0], len(affine.scale)
        if not planes:
            shape = (1, 1, channels)
            before = Node(f"{node.name}_planes", L.Reshape, {"target_shape": shape}, [before], shape=shape)
        kernel = affine.scale.reshape(1, 1, channels, 1).astype(np.float32)
        scaled = Node(
            node.name,
            L.DepthwiseConv2D,
            {"kernel_size": 1, "use_bias": True},
            [before],
            [kernel, affine.offset.astype(np.float32)],
            (*before.shape[:2], channels),
        )
        last = scaled
        if not planes:
            last = Node(f"{node.name}_vector", L.Reshape, {"target_shape": (channels,)}, [scaled], shape=(channels,))
        network.replace(node, last)
        done.append(f"{node.name}: {node.type.__name__} replaced by a 1x1 depthwise convolution")
    return done
