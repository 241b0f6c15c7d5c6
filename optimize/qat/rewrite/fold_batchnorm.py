"""Folding of scaling layers into the linear layer before or behind them."""

from __future__ import annotations

from collections.abc import Collection
from math import prod

from ....train.backend import keras
from .affine import Affine, affine_of
from .fold_kernels import LINEAR, fold_into_inputs, fold_into_outputs, takes_input
from .graph import Network, Node

L = keras.layers
_AVERAGES = (L.AveragePooling2D, L.GlobalAveragePooling2D)
_MAXIMA = (L.MaxPooling2D, L.GlobalMaxPooling2D)


def trains_folded(network: Network, node: Node, skip: Collection[str] = ()) -> bool:
    """Return whether tfmot folds a batch normalization itself, and trains it so.

    Args:
        network: the graph around it.
        node: any layer.
        skip: names of layers that stay in float; tfmot does not look at them.
    """
    if not node.is_a(L.BatchNormalization) or affine_of(node) is None:
        return False
    before = node.inputs[0]
    linear = before.is_a(L.Conv2D) and before.activation == "linear"
    return linear and network.only_consumer(before) is node and not {node.name, before.name} & set(skip)


def fold_back(network: Network, skip: Collection[str] = ()) -> list[str]:
    """Fold each scaling layer into the linear layer before it, which nothing else reads and has no activation.

    A batch normalization behind a Conv2D stays: quantization-aware training does better with batch statistics at first
    (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2.2), and tfmot folds it. Behind a Dense layer tfmot leaves
    floating-point operators, and behind a DepthwiseConv2D it gives all channels one scale: there it is folded now.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        affine = affine_of(node)
        if affine is None or node.name in skip or trains_folded(network, node, skip):
            continue
        before = node.inputs[0]
        if not before.is_a(*LINEAR, L.Conv2DTranspose) or before.activation != "linear":
            continue
        if network.only_consumer(before) is node:
            fold_into_outputs(before, affine)
            network.remove(node)
            done.append(f"{node.name}: {node.type.__name__} folded back into {before.name}")
    return done


def fold_forward(network: Network, skip: Collection[str] = ()) -> list[str]:
    """Fold each scaling layer into the linear layer behind it.

    Between the two may stand what the order does not matter to: Flatten, average pooling, zero padding if nothing is
    added, maximum pooling if no scale is negative. All of them, and the scaling layer, have one consumer.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    # From the end: of two in a row the second makes way for the first.
    for node in reversed(network.nodes):
        affine = affine_of(node)
        if affine is None or node.name in skip or trains_folded(network, node, skip):
            continue
        found = _target(network, node, affine)
        if found is not None:
            target, moved = found
            fold_into_inputs(target, moved)
            network.remove(node)
            done.append(f"{node.name}: {node.type.__name__} folded forward into {target.name}")
    return done


def _target(network: Network, node: Node, affine: Affine) -> tuple[Node, Affine] | None:
    behind = network.only_consumer(node)
    while behind is not None and not behind.is_a(*LINEAR):
        if behind.is_a(L.Flatten):
            affine = affine.tiled(prod(behind.inputs[0].shape[:-1]))
        elif not _commutes(behind, affine):
            return None
        behind = network.only_consumer(behind)
    return (behind, affine) if behind is not None and takes_input(behind, affine) else None


def _commutes(node: Node, affine: Affine) -> bool:
    if node.is_a(L.ZeroPadding2D):
        return not affine.offset.any()
    return node.is_a(*_AVERAGES) or (node.is_a(*_MAXIMA) and bool((affine.scale >= 0).all()))
