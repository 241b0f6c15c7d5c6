"""Our residual net for the edge: plain 3x3 convolutions only, which every int8 accelerator takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import keras, norm_dtype
from .head import classifier

L = keras.layers


def residual(
    shape: tuple[int, int, int],
    outputs: int,
    *,
    l2: float = 0.0,
    stem: Sequence[int] = (8, 24),
    widths: Sequence[int] = (24, 40, 40, 80, 80),
    strides: Sequence[int] = (1, 2, 1, 2, 1),
    dropout: float = 0.2,
    bn_momentum: float = 0.99,
) -> Any:
    """Build a stem (3x3, then 3x3 with stride 2), blocks of two 3x3 convolutions, global average, classifier.

    The block is that of He et al. 2015 (arXiv:1512.03385), post-activation, with a 1x1 projection where the shape
    changes. Post-activation keeps every batch normalization behind a linear convolution, where it folds.

    Args:
        shape: (height, width, channels).
        outputs: number of outputs; 1 gives a sigmoid.
        l2: weight of the L2 penalty on kernels.
        stem: filters of the two stem convolutions.
        widths, strides: one pair for each block.
        dropout: rate before the classifier.
        bn_momentum: of the moving averages; lower it for trainings of a few hundred steps, which 0.99 does not follow.

    Raises:
        ValueError: ``widths`` and ``strides`` differ in length.
    """
    if len(widths) != len(strides):
        raise ValueError(f"{len(widths)} widths but {len(strides)} strides")
    penalty = keras.regularizers.L2(l2) if l2 else None

    def conv(x: Any, width: int, stride: int, name: str, *, kernel: int = 3, relu: bool = True) -> Any:
        x = L.Conv2D(
            width,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=penalty,
            name=f"{name}_conv",
        )(x)
        x = L.BatchNormalization(momentum=bn_momentum, dtype=norm_dtype(width), name=f"{name}_bn")(x)
        return L.ReLU(name=f"{name}_relu")(x) if relu else x

    inputs = x = L.Input(shape, name="face")
    x = conv(x, stem[0], 1, "stem1")
    x = conv(x, stem[1], 2, "stem2")
    for index, (width, stride) in enumerate(zip(widths, strides, strict=True), start=1):
        name = f"block{index}"
        shortcut = x
        if stride != 1 or x.shape[-1] != width:
            shortcut = conv(x, width, stride, f"{name}_projection", kernel=1, relu=False)
        x = conv(x, width, stride, f"{name}a")
        x = conv(x, width, 1, f"{name}b", relu=False)
        x = L.Add(name=f"{name}_add")([x, shortcut])
        x = L.ReLU(name=f"{name}_relu")(x)
    x = L.GlobalAveragePooling2D(name="average")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier(x, outputs, penalty=penalty), name="residual")
