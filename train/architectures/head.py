"""The classifier that every network ends with."""

from __future__ import annotations

from typing import Any

from ..backend import keras


def classifier(x: Any, outputs: int, *, penalty: Any = None) -> Any:
    """Apply a dense layer with a softmax or, with one output, a sigmoid (the probability of the positive class).

    Args:
        x: features (batch, n).
        outputs: number of classes, or 1 for a binary task.
        penalty: regularizer of the kernel.
    """
    activation = "sigmoid" if outputs == 1 else "softmax"
    # In float32 even where the layers before compute in 16 bits: the logarithm in the loss needs the small numbers.
    return keras.layers.Dense(
        outputs, activation=activation, kernel_regularizer=penalty, dtype="float32", name="emotion"
    )(x)
