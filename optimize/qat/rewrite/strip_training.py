"""Removal of layers that act in training only."""

from __future__ import annotations

from ....train.backend import keras
from .graph import Network

L = keras.layers

#: Identities in inference. RandomCrop is not one: it cuts the middle out.
TRAINING_ONLY = (
    L.Dropout,
    L.SpatialDropout1D,
    L.SpatialDropout2D,
    L.SpatialDropout3D,
    L.AlphaDropout,
    L.GaussianDropout,
    L.GaussianNoise,
    L.ActivityRegularization,
    L.RandomBrightness,
    L.RandomContrast,
    L.RandomFlip,
    L.RandomHeight,
    L.RandomRotation,
    L.RandomTranslation,
    L.RandomWidth,
    L.RandomZoom,
)


def strip_training_layers(network: Network) -> list[str]:
    """Take out dropout, noise, augmentation and activations that are linear.

    Fine-tuning at a low rate does better without dropout, and augmentation belongs before the network.

    Returns:
        What was done, a line for each layer.
    """
    done = []
    for node in network.nodes:
        if node.is_a(*TRAINING_ONLY) or (node.is_a(L.Activation) and node.activation == "linear"):
            network.remove(node)
            done.append(f"{node.name}: {node.type.__name__} does nothing in inference, taken out")
    return done
