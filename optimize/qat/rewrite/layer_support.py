"""Layers that tfmot can quantize, how, and why not the others."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator

from ....edge.common.errors import ModelError
from ....train.backend import keras
from .float_boundary import FloatBoundary
from .fold_batchnorm import trains_folded
from .graph import Network, Node

L = keras.layers


class Treatment(enum.Enum):
    """How a layer is quantized in training."""

    DEFAULT = "as tfmot does by default"
    NOTHING = "nothing is put around it: its output has the range of its input"
    OUTPUT = "its output is quantized"
    PER_CHANNEL = "its depthwise kernel has a range for each channel"
    FLOAT = "stays in floating point"
    BOUNDARY = "stays as it is: ranges start again behind it"


#: Activations that the converter takes to int8 when tfmot has put ranges around them.
ACTIVATIONS = ("relu", "softmax", "sigmoid", "tanh", "swish", "gelu")
#: Those around which it puts none; what they read has ranges, their output gets one.
OUTPUT_ACTIVATIONS = ("linear", "elu")

_TREATMENTS = {
    L.Activation: Treatment.DEFAULT,
    L.Add: Treatment.DEFAULT,
    # tfmot's own range behind it would differ from that before it, which the converter refuses.
    L.AveragePooling2D: Treatment.NOTHING,
    L.Concatenate: Treatment.DEFAULT,
    L.Conv2D: Treatment.DEFAULT,
    L.Conv2DTranspose: Treatment.DEFAULT,
    L.Cropping2D: Treatment.DEFAULT,
    L.Dense: Treatment.DEFAULT,
    # tfmot's own has one range for all channels.
    L.DepthwiseConv2D: Treatment.PER_CHANNEL,
    L.ELU: Treatment.OUTPUT,
    FloatBoundary: Treatment.BOUNDARY,
    L.Flatten: Treatment.DEFAULT,
    L.GlobalAveragePooling2D: Treatment.DEFAULT,
    L.GlobalMaxPooling2D: Treatment.DEFAULT,
    L.LeakyReLU: Treatment.DEFAULT,
    L.MaxPooling2D: Treatment.DEFAULT,
    # tfmot has no rule of its own for these; what they read has ranges already.
    L.Maximum: Treatment.OUTPUT,
    L.Minimum: Treatment.OUTPUT,
    L.Multiply: Treatment.OUTPUT,
    L.Subtract: Treatment.OUTPUT,
    L.PReLU: Treatment.OUTPUT,
    L.Permute: Treatment.DEFAULT,
    L.ReLU: Treatment.DEFAULT,
    L.Reshape: Treatment.DEFAULT,
    L.Softmax: Treatment.DEFAULT,
    L.UpSampling2D: Treatment.DEFAULT,
    L.ZeroPadding2D: Treatment.DEFAULT,
}

_REASONS = {
    L.Lambda: "nothing can look into a Lambda",
    L.RandomCrop: "it cuts its input in inference too; crop before the network",
}


def treatments(network: Network, skip: Collection[str] = ()) -> dict[str, Treatment]:
    """Return how each layer of a rewritten network is quantized.

    Args:
        network: after all rules.
        skip: layers that stay in floating point.

    Raises:
        ModelError: a layer cannot be quantized.
    """
    found, refused = {}, {}
    for node in network.nodes:
        if node.name in skip:
            found[node.name] = Treatment.FLOAT
        elif reason := _refusal(network, node, skip):
            refused[node.name] = reason
        else:
            found[node.name] = _treatment(node)
    if refused:
        reasons = "; ".join(f"layer {name}: {reason}" for name, reason in refused.items())
        options = " ".join(f"--qat-skip {name}" for name in dict.fromkeys(_to_skip(network, refused)))
        raise ModelError(
            f"{network.name} cannot be trained quantization-aware ({reasons})",
            hint=f"leave it in floating point with {options}, or use --method int8",
        )
    return found


def _to_skip(network: Network, refused: Collection[str]) -> Iterator[str]:
    """Return the layers that have to stay in floating point along with those that are refused."""
    for node in network.nodes:
        if node.name in refused:
            yield node.name
            if _is_elu(node):
                yield from (reader.name for reader in network.consumers(node) if reader.is_a(L.Concatenate))


def _is_elu(node: Node) -> bool:
    return node.is_a(L.ELU) or (node.is_a(L.Activation) and node.activation == "elu")


def _before_fence(node: Node) -> Node:
    """Return the layer before a float boundary that a layer reads through; the layer itself where there is none."""
    before = node.inputs[0] if node.inputs else node
    return before.inputs[0] if before.is_a(FloatBoundary) else node


def _treatment(node: Node) -> Treatment:
    if node.is_a(L.Activation) and node.activation in OUTPUT_ACTIVATIONS:
        return Treatment.OUTPUT
    return _TREATMENTS.get(node.type, Treatment.DEFAULT)


def _refusal(network: Network, node: Node, skip: Collection[str]) -> str | None:
    """Return why a layer cannot be quantized in training; None if it can."""
    kind = node.type.__name__
    if node.config.get("data_format") == "channels_first":
        return f"{kind} with channels first, which runs on GPUs only"
    if trains_folded(network, node, skip):
        return None
    if node.is_a(L.BatchNormalization, L.Normalization, L.Rescaling):
        return f"{kind} of {len(node.shape)}-dimensional tensors or over another axis than the last"
    if node.type in _REASONS:
        return _REASONS[node.type]
    if node.type not in _TREATMENTS:
        return f"tfmot has no rule for {kind}"
    if node.is_a(L.ELU) and node.config["alpha"] != 1:
        return "the converter keeps ELU with another alpha than 1 in floating point"
    if _is_elu(node) and any(reader.is_a(L.Concatenate) for reader in network.consumers(node)):
        return "ELU before Concatenate gets two ranges, which the converter refuses"
    if node.is_a(L.Concatenate) and any(_is_elu(_before_fence(before)) for before in node.inputs):
        return "Concatenate behind an ELU that stays in floating point stays there too"
    if node.activation not in (*ACTIVATIONS, *OUTPUT_ACTIVATIONS):
        return f"the converter keeps {node.activation} in floating point"
    return None
