"""Mixed precision: layers compute in 16 bits while weights, averages and the classifier stay in float32.

Micikevicius et al. 2018, arXiv:1710.03740. A finished model is float32 again: what is converted, measured and loaded
by others never depends on how it was trained.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .backend import keras

#: A recipe's word -> Keras policy. bfloat16 pays on processors with AVX-512 BF16 or AMX, float16 on GPUs.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Build layers with this precision.

    Args:
        name: key of :data:`POLICIES`.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(POLICIES[name])
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def norm_dtype(filters: int) -> str | None:
    """What batch normalization of so many channels is built with: float32 where bfloat16 would be slow, else None.

    oneDNN normalizes bfloat16 in vectors of 16 channels, and others one by one: behind 8 filters at 48x48 that was half
    the time of a training step.
    """
    return "float32" if keras.mixed_precision.global_policy().name == "mixed_bfloat16" and filters % 16 else None


def as_float32(model: Any) -> Any:
    """The same network with the same weights, every layer computing in float32; ``model`` itself if it does already."""
    if all(layer.dtype_policy.name == "float32" for layer in model.layers):
        return model

    def clone(layer: Any) -> Any:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())
    return cloned
