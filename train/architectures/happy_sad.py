"""The published two-class net for folders of photos: three plain convolutions and one large dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import keras
from .head import classifier

L = keras.layers


def happy_sad(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    l2: float = 0.0,
    filters: Sequence[int] = (32, 64, 128),
    dense: int = 512,
    dropout: float = 0.5,
) -> Any:
    """Build [Conv 3x3 without padding, ReLU, MaxPool] x3, then Dense, Dropout and the classifier.

    Args:
        shape: (height, width, channels).
        outputs: number of outputs.
        l2: weight of the L2 penalty on kernels.
        filters: of the convolutions.
        dense: units of the hidden dense layer.
        dropout: rate behind it.
    """
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = x = L.Input(shape, name="face")
    for index, width in enumerate(filters, start=1):
        x = L.Conv2D(width, 3, activation="relu", kernel_regularizer=penalty, name=f"conv{index}")(x)
        x = L.MaxPooling2D(name=f"pool{index}")(x)
    x = L.Flatten(name="flatten")(x)
    x = L.Dense(dense, activation="relu", kernel_regularizer=penalty, name="dense")(x)
    x = L.Dropout(dropout, name="dense_dropout")(x)
    return keras.Model(inputs, classifier(x, outputs, penalty=penalty), name="happy_sad")
