"""TensorFlow and Keras 2: import, seeds and precision.

They are imported here alone, without the start-up messages of their C++ libraries. Everything is built on ``tf_keras``:
quantization-aware training refuses Keras 3 models.

In mixed precision (Micikevicius et al. 2018, arXiv:1710.03740) layers compute in 16 bits while weights, averages and
the classifier stay in float32. A finished model is float32 again: what is converted, measured and loaded by others
never depends on how it was trained.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

from ..edge.common.console import quiet_native

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_native(), warnings.catch_warnings():
    # Deprecations inside TensorFlow are not ours to fix.
    warnings.simplefilter("ignore")
    import tensorflow as tf
    import tf_keras as keras

tf.get_logger().setLevel("ERROR")

__all__ = ["POLICIES", "as_float32", "keras", "norm_dtype", "precision", "set_seed", "tf"]

#: Precision in a recipe -> Keras policy. bfloat16 pays on processors with AVX-512 BF16 or AMX, float16 on GPUs.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and the seeds that Keras draws for its initializers and dropout."""
    # Keras draws from Python's generator until somebody in this process calls its set_random_seed; from then on from
    # one of its own, which would go its way without this.
    keras.utils.set_random_seed(seed % 2**32)


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Build layers in a precision.

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
    """Return the dtype of a batch normalization: float32 where bfloat16 would be slow, else None (the policy's).

    oneDNN normalizes bfloat16 in vectors of 16 channels, and others one by one: behind 8 filters at 48x48 that was half
    the time of a training step.
    """
    return "float32" if keras.mixed_precision.global_policy().name == "mixed_bfloat16" and filters % 16 else None


def as_float32(model: Any) -> Any:
    """Return the same network with the same weights in float32; ``model`` itself if every layer is already."""
    if all(layer.dtype_policy.name == "float32" for layer in model.layers):
        return model

    def clone(layer: Any) -> Any:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())
    return cloned
