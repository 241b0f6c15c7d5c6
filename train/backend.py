"""TensorFlow and Keras 2, imported in one place, without the start-up chatter of their C++ libraries.

Everything here is built on ``tf_keras``: quantization-aware training refuses Keras 3 models.
"""

from __future__ import annotations

import os
import random
import warnings

import numpy as np

from ..edge.common.console import quiet_native

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_native(), warnings.catch_warnings():
    # Deprecations inside TensorFlow are not ours to hint.
    warnings.simplefilter("ignore")
    import tensorflow as tf
    import tf_keras as keras

tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "set_seed", "tf"]


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)
