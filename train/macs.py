"""Size and cost of a Keras network, layer by layer, without converting it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from .backend import keras

L = keras.layers


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    Args:
        name, type: of the layer.
        output: shape for one picture, without the batch axis.
        parameters: all of them, the moving averages of a batch normalisation included.
        macs: multiply-accumulates for one picture; 0 where a layer multiplies nothing by weights, and for batch
            normalisation, which folds into a convolution or costs one product for each value.
    """

    name: str
    type: str
    output: tuple[int, ...]
    parameters: int
    macs: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def layer_costs(model: Any) -> list[LayerCost]:
    """The layers of a flat network in order, the input left out.

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
    """Multiply-accumulates of one layer for one picture: output elements times the products that each of them sums.

    Counts Conv2D (also strided, dilated and grouped), DepthwiseConv2D, SeparableConv2D and Dense; additions of a bias
    are not counted, as in :attr:`edgeemo.edge.graph.Operator.macs`.
    """
    elements = prod(layer.output_shape[1:]) if hasattr(layer, "kernel_size") or isinstance(layer, L.Dense) else 0
    if isinstance(layer, L.SeparableConv2D):
        # The pointwise part reads, at every place of the output, the planes that the depthwise part has made there.
        height, width, planes, multiplier = layer.depthwise_kernel.shape
        places = elements // layer.filters
        return places * planes * multiplier * (height * width + layer.filters)
    if isinstance(layer, L.DepthwiseConv2D):
        return elements * prod(layer.kernel_size)
    if isinstance(layer, L.Conv2DTranspose):
        return 0
    if isinstance(layer, L.Conv2D):
        # The kernel's third axis is the inputs of one group.
        return elements * prod(layer.kernel.shape[:3])
    if isinstance(layer, L.Dense):
        return elements * layer.kernel.shape[0]
    return 0
