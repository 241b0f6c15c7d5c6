"""A network for edgeemo: one convolution, global average and the classifier."""

from typing import Any

from edgeemo.train.architectures.head import classifier
from edgeemo.train.backend import keras


def toy(shape: tuple[int, int, int], outputs: int, *, l2: float = 0.0, filters: int = 8) -> Any:
    layers = keras.layers
    inputs = layers.Input(shape, name="face")
    x = layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(l2))(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, classifier(x, outputs), name="toy")
