"""Backbones of ``tf_keras.applications`` with weights from ImageNet, from a file, or none."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import Any

from ...edge.common.errors import RecipeError
from ...edge.common.files import existing
from ..backend import keras

#: A host that does not answer is given up after so many seconds; without it a download would wait for ever.
TIMEOUT = 30.0
_MEND = "give a file with --weights FILE, or train from scratch with --weights none"


def backbone(name: str, inputs: Any, weights: str) -> Any:
    """Build a network of ``tf_keras.applications`` without its top.

    Args:
        name: of the application, as ``DenseNet169``.
        inputs: Keras input (batch, height, width, channels).
        weights: ``none`` (random); ``imagenet``, which tf_keras takes from its cache (``~/.keras/models``) or
            downloads; or an HDF5 file with the weights of this network without its top.

    Raises:
        RecipeError: the weights are not there, or they are another network's.
    """
    make = getattr(keras.applications, name)
    if weights == "none":
        return make(include_top=False, weights=None, input_tensor=inputs)
    if inputs.shape[-1] != 3:
        raise RecipeError(
            f"pretrained weights of {name} do not fit gray input",
            expected="input.channels rgb",
            hint="or train from scratch with --weights none",
        )
    if weights != "imagenet":
        return _from_file(name, make, inputs, existing(weights, f"weights of {name} (HDF5)"))
    try:
        with _download():
            return make(include_top=False, weights="imagenet", input_tensor=inputs)
    except Exception as error:  # tf_keras raises bare Exception when a download fails
        raise RecipeError(
            f"the ImageNet weights of {name} are not in {Path.home() / '.keras' / 'models'} and cannot be downloaded "
            f"({_first_line(error)})",
            hint=_MEND,
        ) from error


def _from_file(name: str, make: Any, inputs: Any, path: Path) -> Any:
    import h5py

    try:
        # The network takes seconds to build.
        h5py.File(path, "r").close()
    except OSError as error:
        raise _not_of(name, path, error) from error
    model = make(include_top=False, weights=None, input_tensor=inputs)
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise _not_of(name, path, error) from error
    return model


def _not_of(name: str, path: Path, error: Exception) -> RecipeError:
    return RecipeError(
        f"{path} does not hold weights of {name} without its top ({_first_line(error)})",
        expected="an HDF5 file, as densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
    )


@contextlib.contextmanager
def _download() -> Any:
    """Give up on hosts that do not answer, and keep the talk about a download off standard output."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
