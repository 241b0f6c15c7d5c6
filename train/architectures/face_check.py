"""The second look at what the face finder has found: a face or not, and its roll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import keras

L = keras.layers


def face_check(
    shape: tuple[int, int, int],
    outputs: int = 2,
    *,
    l2: float = 0.0,
    stem: int = 12,
    widths: Sequence[int] = (24, 32, 48, 48, 48),
    strides: Sequence[int] = (2, 1, 2, 1, 2),
    dropout: float = 0.2,
) -> Any:
    """Build plain 3x3 convolutions, then one dense layer that still knows what is where.

    Args:
        shape: (height, width, channels).
        outputs: a logit for being a face, and the roll in units of :data:`edgeemo.edge.faces.finder.ROLL_UNIT`.
        l2: weight of the L2 penalty on kernels.
        stem: filters of the first convolution, which halves the crop.
        widths, strides: of the convolutions behind it.
        dropout: rate before the dense layer.

    Returns:
        tf_keras.Model: float32 (batch, height, width, channels) -> float32 (batch, outputs).
    """
    penalty = keras.regularizers.L2(l2) if l2 else None

    def conv(x: Any, width: int, stride: Any, name: str, kernel: Any = 3) -> Any:
        x = L.Conv2D(
            width, kernel, stride, padding="same", use_bias=False, kernel_regularizer=penalty, name=f"{name}_conv"
        )(x)
        return L.ReLU(name=f"{name}_relu")(L.BatchNormalization(name=f"{name}_bn")(x))

    inputs = L.Input(shape, name="crop")
    # Pairs of columns as channels: half of the work of a stride in both directions, at the same receptive field.
    x = L.Reshape((shape[0], shape[1] // 2, 2 * shape[2]), name="columns")(inputs)
    x = conv(x, stem, (2, 1), "stem", (4, 3))
    for index, (width, stride) in enumerate(zip(widths, strides, strict=True), start=1):
        x = conv(x, width, stride, f"conv{index}")
    x = L.Dropout(dropout, name="dropout")(L.Flatten(name="flatten")(x))
    return keras.Model(inputs, L.Dense(outputs, name="face_and_roll")(x), name="face_check")
