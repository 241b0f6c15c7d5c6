"""TensorFlow and Keras 2, imported in one place, without the start-up chatter of their C++ libraries.

Everything here is built on ``tf_keras``: quantization-aware training refuses Keras 3 models.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator

import numpy as np

from ..edge.errors import MissingExtra


@contextlib.contextmanager
def quiet_native() -> Iterator[None]:
    """Send what is written to file descriptor 2 nowhere; exceptions pass.

    TensorFlow and the TFLite converter log there before any setting of theirs takes effect.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_native(), warnings.catch_warnings():
    # Deprecations inside TensorFlow are not ours to mend.
    warnings.simplefilter("ignore")
    try:
        import tensorflow as tf
        import tf_keras as keras
    except ImportError as error:
        raise MissingExtra(error.name or "tensorflow", "train") from error

tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "quiet_native", "set_seed", "tf"]


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)
