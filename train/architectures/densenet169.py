"""DenseNet169 (Huang et al. 2017, arXiv:1608.06993) as a backbone, with a small classifier."""

from __future__ import annotations

from typing import Any

from ..backend import keras
from .head import classifier
from .pretrained import backbone

L = keras.layers


def densenet169(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    l2: float = 0.0,
    weights: str = "none",
    dense: int = 256,
    dropout: float = 0.5,
) -> Any:
    """Build DenseNet169 without its top, global average, Dense, ReLU, Dropout and the classifier, in one flat graph.

    Args:
        shape: (height, width, channels), 32x32 or larger.
        outputs: number of outputs.
        l2: weight of the L2 penalty on the kernels behind the backbone.
        weights: of the backbone: ``imagenet``, ``none`` or a file; see :func:`backbone`.
        dense: units of the hidden dense layer.
        dropout: rate behind it.
    """
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = L.Input(shape, name="face")
    x = backbone("DenseNet169", inputs, weights).output
    x = L.GlobalAveragePooling2D(name="average")(x)
    x = L.Dense(dense, activation="relu", kernel_regularizer=penalty, name="dense")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier(x, outputs, penalty=penalty), name="densenet169")
