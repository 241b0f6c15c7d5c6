"""A plain deep net of 38 layers for FER-2013: convolutional blocks A and B and a fully connected block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import keras
from .head import classifier

L = keras.layers


def cnn38(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    l2: float = 0.0,
    filters: Sequence[int] = (32, 64, 128),
    convolutions: Sequence[int] = (2, 3, 3),
    dense: Sequence[int] = (256, 128),
    block_dropout: float = 0.25,
    dense_dropout: float = 0.4,
) -> Any:
    """Build blocks A, B, B, then the fully connected block: 8 + 11 + 11 + 8 = 38 layers, the input not counted.

    A is [Conv 3x3, BN, ReLU] x2, MaxPool, Dropout; B has three convolutions. The fully connected block is Flatten,
    [Dense, ReLU, Dropout] x2 and the classifier. Every batch normalization stands directly behind a linear
    convolution, where it folds.

    Args:
        shape: (height, width, channels).
        outputs: number of outputs.
        l2: weight of the L2 penalty on kernels.
        filters, convolutions: width and number of the convolutions of each block.
        dense: units of the hidden dense layers.
        block_dropout, dense_dropout: rates behind each block and each hidden dense layer.

    Raises:
        ValueError: ``filters`` and ``convolutions`` differ in length.
    """
    if len(filters) != len(convolutions):
        raise ValueError(f"{len(filters)} filters but {len(convolutions)} convolutions")
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = x = L.Input(shape, name="face")
    for block, (width, count) in enumerate(zip(filters, convolutions, strict=True), start=1):
        for index in range(1, count + 1):
            name = f"{block}_{index}"
            # As in cnn3: what meets in the first dense layer starts small, or Adam's first steps kill its units.
            last = block == len(filters) and index == count
            x = L.Conv2D(
                width,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_uniform",
                kernel_regularizer=penalty,
                name=f"conv{name}",
            )(x)
            scale = keras.initializers.Constant(0.1 if last else 1.0)
            x = L.BatchNormalization(gamma_initializer=scale, name=f"bn{name}")(x)
            x = L.ReLU(name=f"relu{name}")(x)
        x = L.MaxPooling2D(name=f"pool{block}")(x)
        x = L.Dropout(block_dropout, name=f"dropout{block}")(x)
    x = L.Flatten(name="flatten")(x)
    for index, units in enumerate(dense, start=1):
        x = L.Dense(units, kernel_initializer="he_uniform", kernel_regularizer=penalty, name=f"dense{index}")(x)
        x = L.ReLU(name=f"dense_relu{index}")(x)
        x = L.Dropout(dense_dropout, name=f"dense_dropout{index}")(x)
    return keras.Model(inputs, classifier(x, outputs, penalty=penalty), name="cnn38")
