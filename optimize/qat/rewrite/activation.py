"""Activations in the form that tfmot supports."""

from __future__ import annotations

from collections.abc import Collection

from ....train.backend import keras
from .graph import Network, Node

L = keras.layers

#: What tfmot takes fused into a layer.
FUSED = ("linear", "relu", "softmax", "sigmoid", "tanh")
_FUSING = (L.Dense, L.Conv2D, L.DepthwiseConv2D, L.Conv2DTranspose)
#: Activation -> the layer that is the same.
_LAYERS = {"relu6": (L.ReLU, {"max_value": 6.0})}


def separate_activations(network: Network, skip: Collection[str] = ()) -> list[str]:
    """Take activations that tfmot does not know out of the layers that they are fused into; ReLU6 becomes a layer.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        kind = node.activation
        if node.name in skip or kind in FUSED or not node.is_a(*_FUSING, L.Activation):
            continue
        layer, config = _LAYERS.get(kind, (L.Activation, {"activation": node.config["activation"]}))
        if node.is_a(L.Activation):
            if layer is not L.Activation:
                node.type, node.config = layer, dict(config)
                done.append(f"{node.name}: Activation({kind}) written as {layer.__name__}")
            continue
        behind = Node(f"{node.name}_{kind}", layer, dict(config), [node], shape=node.shape)
        network.replace(node, behind)
        node.config["activation"] = "linear"
        done.append(f"{node.name}: its {kind} is a layer of its own")
    return done


def fuse_relu(network: Network, skip: Collection[str] = ()) -> list[str]:
    """Fuse each plain ReLU into the linear layer before it, which nothing else reads.

    tfmot takes the two for one and then puts no fake quantization around the layer's weights. As one layer they get it.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        before = node.inputs[0]
        if not _plain_relu(node) or not before.is_a(*_FUSING) or before.activation != "linear":
            continue
        if network.only_consumer(before) is node and not {node.name, before.name} & set(skip):
            before.config["activation"] = "relu"
            network.remove(node)
            done.append(f"{node.name}: ReLU fused into {before.name}")
    return done


def _plain_relu(node: Node) -> bool:
    if node.is_a(L.ReLU):
        options = [node.config[key] for key in ("max_value", "negative_slope", "threshold") if key in node.config]
        return not any(options)
    return node.is_a(L.Activation) and node.activation == "relu"
