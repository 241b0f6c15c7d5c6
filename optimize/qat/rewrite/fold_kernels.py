"""Folding of scales and offsets into the weights of linear layers, in float64."""

from __future__ import annotations

from math import prod

import numpy as np

from ....train.backend import keras
from .affine import Affine
from .graph import Node

L = keras.layers
LINEAR = (L.Dense, L.Conv2D, L.DepthwiseConv2D)
_KERNEL_CONSTRAINTS = ("kernel_constraint", "depthwise_constraint", "bias_constraint")


def fold_into_outputs(node: Node, affine: Affine) -> None:
    """Fold ``affine`` into the outputs of a linear layer without activation.

    Args:
        node: Dense, Conv2D, DepthwiseConv2D or Conv2DTranspose; changed.
        affine: of its output channels.
    """
    kernel, bias = _parameters(node, len(affine.scale))
    kernel *= _by_output(node, kernel, affine.scale)
    _store(node, kernel, bias * affine.scale + affine.offset)


def fold_into_inputs(node: Node, affine: Affine) -> None:
    """Fold ``affine`` into the inputs of a linear layer.

    Args:
        node: one for which :func:`takes_input` holds; changed.
        affine: of its input channels.
    """
    outputs = node.shape[-1]
    kernel, bias = _parameters(node, outputs)
    # Inputs are the third axis of a convolution's kernel and the first of a Dense layer's.
    if node.is_a(L.DepthwiseConv2D):
        bias += (kernel.sum(axis=(0, 1)) * affine.offset[:, None]).reshape(outputs)
    else:
        bias += affine.offset @ kernel.reshape(-1, len(affine.offset), outputs).sum(axis=0)
    # In place: the kernel of a Dense layer behind large planes has gigabytes.
    kernel *= affine.scale[:, None]
    _store(node, kernel, bias)


def takes_input(node: Node, affine: Affine) -> bool:
    """Return whether ``affine`` folds into the inputs of a layer: padding puts zeros where the offset should stand."""
    if node.is_a(L.Dense):
        return True
    if not node.is_a(L.Conv2D, L.DepthwiseConv2D) or node.config.get("groups", 1) != 1:
        return False
    padded = node.config["padding"] != "valid" and prod(node.config["kernel_size"]) > 1
    return not padded or not affine.offset.any()


def _by_output(node: Node, kernel: np.ndarray, scale: np.ndarray) -> np.ndarray:
    if node.is_a(L.DepthwiseConv2D):
        return scale.reshape(kernel.shape[2:])
    return scale[:, None] if node.is_a(L.Conv2DTranspose) else scale


def _parameters(node: Node, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    kernel = np.array(node.weights[0], np.float64)
    bias = np.array(node.weights[1], np.float64) if node.config["use_bias"] else np.zeros(outputs)
    return kernel, bias


def _store(node: Node, kernel: np.ndarray, bias: np.ndarray) -> None:
    node.weights = [kernel.astype(np.float32), bias.astype(np.float32)]
    node.config["use_bias"] = True
    # A constraint was meant for the weights as they were.
    node.config.update({key: None for key in _KERNEL_CONSTRAINTS if key in node.config})
