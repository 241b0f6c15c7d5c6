"""Size and cost of a Keras network, layer by layer, without converting it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from ..backend import keras

L = keras.layers


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    Args:
        name, type: of the layer.
        output: shape for one image, without the batch axis.
        parameters: all of them, the moving averages of a batch normalization included.
        macs: multiply-accumulates for one image; 0 where a layer multiplies nothing by weights, and for batch
            normalization, which folds into a convolution or costs one product for each value.
    """

    name: str
    type: str
    output: tuple[int, ...]
    parameters: int
    macs: int

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as a dict for JSON."""
        return asdict(self)


def layer_costs(model: Any) -> list[LayerCost]:
    """Return the cost of each layer of a flat network in order, the input left out.

    Args:
        model: tf_keras Functional or Sequential.
    """
    return [
        LayerCost(
            layer.name,
            type(layer).__name__,
            tuple(layer.output_shape[1:]),
            int(layer.count_params()),
            layer_macs(layer),
        )
        for layer in model.layers
        if not isinstance(layer, L.InputLayer)
    ]


def layer_macs(layer: Any) -> int:
    """Multiply-accumulates of one layer for one image: output elements times the products that each of them sums.

    Counts Conv2D (also strided, dilated and grouped), DepthwiseConv2D, SeparableConv2D and Dense. Biases and all other
    layers count nothing, as in :attr:`edgeemo.edge.tflite.graph.Operator.macs`.
    """
    if isinstance(layer, L.Conv2DTranspose) or not isinstance(
        layer, (L.Conv2D, L.DepthwiseConv2D, L.SeparableConv2D, L.Dense)
    ):
        return 0
    elements = prod(layer.output_shape[1:])
    if isinstance(layer, L.SeparableConv2D):
        # The pointwise part reads, at every place of the output, the planes that the depthwise part has made there.
        height, width, planes, multiplier = layer.depthwise_kernel.shape
        return elements // layer.filters * planes * multiplier * (height * width + layer.filters)
    if isinstance(layer, L.DepthwiseConv2D):
        return elements * prod(layer.kernel_size)
    # The last axis is the filters or units; a convolution's third is the inputs of one group.
    return elements * prod(layer.kernel.shape[:-1])
