"""A linear model on the pixels: what every network has to beat before its accuracy means anything."""

from __future__ import annotations

from typing import Any

from ..backend import keras
from .head import classifier

L = keras.layers


def linear(shape: tuple[int, int, int], outputs: int, *, l2: float = 0.0) -> Any:
    """Flatten and the classifier: multinomial logistic regression, logistic regression with one output.

    Args:
        shape: (height, width, channels).
        outputs: number of outputs; 1 gives a sigmoid.
        l2: weight of the L2 penalty on the kernel.
    """
    penalty = keras.regularizers.L2(l2) if l2 else None
    inputs = L.Input(shape, name="face")
    return keras.Model(inputs, classifier(L.Flatten(name="flatten")(inputs), outputs, penalty=penalty), name="linear")
