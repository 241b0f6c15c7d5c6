"""Float networks rewritten to equivalents that quantization-aware training accepts.

One rule is one small unit that changes a :class:`~.graph.Network` and says what it did. Outputs stay the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ....edge.common.errors import ModelError
from .activation import fuse_relu, separate_activations
from .depthwise import scale_by_depthwise
from .float_boundary import FloatBoundary, add_boundaries
from .fold_batchnorm import fold_back, fold_forward
from .graph import read_network, rename
from .layer_support import Treatment, treatments
from .separable import split_separable
from .strip_training import strip_training_layers

__all__ = ["FloatBoundary", "Rewritten", "Treatment", "rewrite"]


@dataclass(frozen=True)
class Rewritten:
    """An equivalent float network.

    Args:
        model: tf_keras Functional, float32, flat.
        treatments: layer -> how it is quantized in training.
        changes: what was done, a line for each layer.
    """

    model: Any
    treatments: dict[str, Treatment]
    changes: tuple[str, ...]


def rewrite(model: Any, *, skip: Collection[str] = ()) -> Rewritten:
    """Rewrite a network for quantization-aware training.

    Nested models are put in place, training-only layers taken out, separable convolutions split, and every scaling
    layer (BatchNormalization, Rescaling, Normalization) is, in this order of preference:

    1. left behind a linear Conv2D, if it is a batch normalization: tfmot folds it in training, and does better with
       batch statistics than with folded weights (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2.2);
    2. folded back into the linear layer before it;
    3. folded forward into the linear layer behind it;
    4. replaced by a 1x1 depthwise convolution with a bias.

    At last a ReLU is fused into the linear layer before it, unless a batch normalization stands between them, and a
    boundary is put behind every layer that stays in floating point.

    Args:
        model: tf_keras Functional or Sequential with one input and one output; not changed.
        skip: layers that stay in floating point; nothing is refused for their sake.

    Raises:
        ModelError: a layer cannot be quantized; the message names it and the reason. Or a layer of ``skip`` is not in
            the network any more when all rules are done.
    """
    network, nested = read_network(model)
    changes = [f"{name}: nested model put in place" for name in nested]
    changes += strip_training_layers(network)
    changes += split_separable(network)
    changes += separate_activations(network, skip)
    changes += fold_back(network, skip)
    changes += fold_forward(network, skip)
    changes += scale_by_depthwise(network, skip)
    changes += fuse_relu(network, skip)
    rename(network)
    known = [node.name for node in network.nodes]
    for name in skip:
        if name not in known:
            gone = [line.split(": ", 1)[1] for line in changes if line.startswith(f"{name}: ")]
            raise ModelError(
                f"layer {name!r} cannot be left in floating point",
                expected="one of " + ", ".join(known),
                got=gone[-1] if gone else "no such layer",
            )
    add_boundaries(network, skip)
    rename(network)
    return Rewritten(network.build(), treatments(network, skip), tuple(changes))
