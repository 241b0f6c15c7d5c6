"""Networks by name. A builder takes the input shape, the number of outputs and its own options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...edge.common.errors import RecipeError
from ...edge.vision.preprocess import InputSpec
from .cnn3 import cnn3
from .cnn38 import cnn38
from .densenet169 import densenet169
from .happy_sad import happy_sad
from .kdef import kdef
from .linear import linear
from .residual import residual

#: name in a recipe -> builder(shape, outputs, l2, **options)
ARCHITECTURES: dict[str, Callable[..., Any]] = {
    "cnn3": cnn3,
    "cnn38": cnn38,
    "densenet169": densenet169,
    "happy-sad": happy_sad,
    "kdef": kdef,
    "linear": linear,
    "residual": residual,
}


def build(name: str, spec: InputSpec, outputs: int, *, l2: float = 0.0, options: dict[str, Any] | None = None) -> Any:
    """Build an untrained network.

    Args:
        name: key of :data:`ARCHITECTURES`.
        spec: input size and colors.
        outputs: classes of a softmax, or 1 for the sigmoid of a binary task.
        l2: weight of the L2 penalty on kernels.
        options: the architecture's own, from the recipe.

    Returns:
        tf_keras.Model: float32 (batch, height, width, channels) -> (batch, outputs) probabilities.

    Raises:
        RecipeError: unknown name or option, or pretrained weights that are not there.
    """
    if name not in ARCHITECTURES:
        raise RecipeError("unknown architecture", expected="one of " + ", ".join(ARCHITECTURES), got=repr(name))
    builder = ARCHITECTURES[name]
    known = [
        p.name for p in inspect.signature(builder).parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "l2"
    ]
    if unknown := sorted(set(options or {}) - set(known)):
        raise RecipeError(f"architecture {name!r} has no option {unknown[0]!r}", expected="one of " + ", ".join(known))
    try:
        return builder(spec.shape, outputs, l2=l2, **(options or {}))
    except (TypeError, ValueError, IndexError) as error:
        raise RecipeError(f"architecture {name!r} cannot be built with these options ({error})") from error
