"""The published two-class net for KDEF: three double convolutions and very large dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import keras
from .head import classifier

L = keras.layers


def kdef(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    l2: float = 0.0,
    filters: Sequence[int] = (64, 128, 256),
    dense: Sequence[int] = (512, 256),
    dropout: float = 0.5,
    bn_momentum: float = 0.99,
) -> Any:
    """Build [Conv 3x3, Conv 3x3, MaxPool, BN] x3, then [Dense, Dropout, BN] x2 and the classifier.

    Built in the published order: the batch normalizations stand behind pooling and dropout, where they do not fold
    into a convolution; converted, each becomes a multiplication and an addition.

    Args:
        shape: (height, width, channels).
        outputs: number of outputs.
        l2: weight of the L2 penalty on kernels.
        filters: of the convolutional blocks.
        dense: units of the hidden dense layers.
        dropout: rate behind each hidden dense layer.
        bn_momentum: of the moving averages; lower it for trainings of a few hundred steps, which 0.99 does not follow.
    """
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = x = L.Input(shape, name="face")
    for index, width in enumerate(filters, start=1):
        for part in "ab":
            x = L.Conv2D(
                width, 3, padding="same", activation="relu", kernel_regularizer=penalty, name=f"conv{index}{part}"
            )(x)
        x = L.MaxPooling2D(name=f"pool{index}")(x)
        x = L.BatchNormalization(momentum=bn_momentum, name=f"bn{index}")(x)
    x = L.Flatten(name="flatten")(x)
    for index, units in enumerate(dense, start=1):
        x = L.Dense(units, activation="relu", kernel_regularizer=penalty, name=f"dense{index}")(x)
        x = L.Dropout(dropout, name=f"dense_dropout{index}")(x)
        x = L.BatchNormalization(momentum=bn_momentum, name=f"dense_bn{index}")(x)
    return keras.Model(inputs, classifier(x, outputs, penalty=penalty), name="kdef")
