"""Our face finder: plain 3x3 convolutions and additions, three heat maps, gray input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...edge.faces.heatmaps import CELL
from ..backend import keras

L = keras.layers


def face_finder(
    shape: tuple[int, int, int],
    outputs: int = CELL,
    *,
    l2: float = 0.0,
    stem: int = 16,
    stem_blocks: int = 1,
    widths: Sequence[int] = (32, 48, 64),
    depths: Sequence[int] = (1, 2, 2),
    head: int = 24,
    bn_momentum: float = 0.97,
) -> Any:
    """Build a stem with stride 4 and three stages (8, 16, 32), each with a heat map behind it.

    Every cell of a map says whether the center of a face is there, where exactly, and how large it is, as in
    anchor-free detectors (Tian et al. 2019, FCOS, arXiv:1904.01355; Zhou et al. 2019, arXiv:1904.07850). A stage halves
    the image, then adds residual convolutions. The stem takes four columns as channels by a RESHAPE: one convolution in
    place of two halves what the first layers cost (1.46 M instructions on a Cortex-A72 against 2.87). The operators are
    RESHAPE, CONV_2D, ADD and CONCATENATION.

    Args:
        shape: (height, width, channels).
        outputs: values of a cell.
        l2: weight of the L2 penalty on kernels.
        stem: filters of the convolution before the stages.
        stem_blocks: residual convolutions at stride 4; they are dear, for a quarter of the image is large.
        widths: filters of each stage.
        depths: residual convolutions of each stage.
        head: filters of the convolution before each map.
        bn_momentum: of the moving averages.

    Returns:
        tf_keras.Model: float32 (batch, height, width, channels) -> float32 (batch, cells, outputs), the cells of the
        finest map first. One output, because every tool of the way to the device takes one.
    """
    penalty = keras.regularizers.L2(l2) if l2 else None

    def conv(
        x: Any, width: int, stride: int | tuple[int, int], name: str, *, kernel: Any = 3, relu: bool = True
    ) -> Any:
        x = L.Conv2D(
            width, kernel, stride, padding="same", use_bias=False, kernel_regularizer=penalty, name=f"{name}_conv"
        )(x)
        x = L.BatchNormalization(momentum=bn_momentum, name=f"{name}_bn")(x)
        return L.ReLU(name=f"{name}_relu")(x) if relu else x

    def block(x: Any, name: str) -> Any:
        added = L.Add(name=f"{name}_add")([x, conv(x, x.shape[-1], 1, name, relu=False)])
        return L.ReLU(name=f"{name}_relu")(added)

    inputs = L.Input(shape, name="image")
    x = L.Reshape((shape[0], shape[1] // 4, 4 * shape[2]), name="columns")(inputs)
    x = conv(x, stem, (4, 1), "stem", kernel=(6, 3))
    for index in range(stem_blocks):
        x = block(x, f"stem_block{index + 1}")
    maps = []
    for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        stride = 8 << level
        x = conv(x, width, 2, f"down{stride}")
        for index in range(depth):
            x = block(x, f"block{stride}_{index + 1}")
        y = conv(x, head, 1, f"head{stride}")
        # A cell is rarely a face: the score begins at a probability of 2 % (Lin et al. 2017, arXiv:1708.02002).
        bias = keras.initializers.Constant([-4.0] + [0.0] * (outputs - 1))
        y = L.Conv2D(outputs, 1, bias_initializer=bias, name=f"map{stride}")(y)
        maps.append(L.Reshape((-1, outputs), name=f"cells{stride}")(y))
    return keras.Model(inputs, L.Concatenate(axis=1, name="cells")(maps), name="face_finder")
