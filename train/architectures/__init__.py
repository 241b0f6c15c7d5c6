"""Networks by name. A builder takes the input shape, the number of classes and its own options from the recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...edge.errors import EdgeemoError
from ...edge.preprocess import InputSpec
from .cnn3 import cnn3
from .residual import residual

#: name in a recipe -> builder(shape, classes, l2, **options)
ARCHITECTURES: dict[str, Callable[..., Any]] = {"cnn3": cnn3, "residual": residual}


def build(name: str, spec: InputSpec, classes: int, *, l2: float = 0.0, options: dict[str, Any] | None = None) -> Any:
    """Build an untrained network.

    Args:
        name: key of :data:`ARCHITECTURES`.
        spec: input size and colours.
        classes: number of softmax outputs.
        l2: weight of the L2 penalty on kernels.
        options: the architecture's own, from the recipe.

    Returns:
        tf_keras.Model: float32 (batch, height, width, channels) -> (batch, classes) probabilities.

    Raises:
        EdgeemoError: unknown name or option.
    """
    if name not in ARCHITECTURES:
        raise EdgeemoError("unknown architecture", expected="one of " + ", ".join(ARCHITECTURES), got=repr(name))
    builder = ARCHITECTURES[name]
    known = [
        p.name for p in inspect.signature(builder).parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "l2"
    ]
    if unknown := sorted(set(options or {}) - set(known)):
        raise EdgeemoError(f"architecture {name!r} has no option {unknown[0]!r}", expected="one of " + ", ".join(known))
    try:
        return builder(spec.shape, classes, l2=l2, **(options or {}))
    except (TypeError, ValueError, IndexError) as error:
        raise EdgeemoError(f"architecture {name!r} cannot be built with these options ({error})") from error
