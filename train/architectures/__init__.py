"""Networks by name. A builder takes the input shape, the number of outputs and its own options."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from ...edge.common.errors import RecipeError
from ...edge.common.registry import Registry
from ...edge.vision.preprocess import InputSpec

#: builder(shape, outputs, *, l2, **options) -> tf_keras.Model
Builder = Callable[..., Any]

_HERE = "edgeemo.train.architectures"
ARCHITECTURES: Registry[Builder] = Registry(
    kind="architecture",
    group="edgeemo.architectures",
    builtin={
        "cnn3": f"{_HERE}.cnn3:cnn3",
        "cnn38": f"{_HERE}.cnn38:cnn38",
        "densenet169": f"{_HERE}.densenet169:densenet169",
        "happy-sad": f"{_HERE}.happy_sad:happy_sad",
        "kdef": f"{_HERE}.kdef:kdef",
        "linear": f"{_HERE}.linear:linear",
        "residual": f"{_HERE}.residual:residual",
    },
)


#: Networks of the face detector, by the same kind of builder; their outputs are no classes.
FACE_NETWORKS: Registry[Builder] = Registry(
    kind="network of a face detector",
    group="edgeemo.face_networks",
    builtin={
        "face-check": f"{_HERE}.face_check:face_check",
        "face-finder": f"{_HERE}.face_finder:face_finder",
    },
)


def build(
    name: str,
    spec: InputSpec,
    outputs: int,
    *,
    l2: float = 0.0,
    options: dict[str, Any] | None = None,
    registry: Registry[Builder] = ARCHITECTURES,
) -> Any:
    """Build an untrained network.

    Args:
        name: name in the registry.
        spec: input size and colors.
        outputs: number of outputs: classes of a softmax, or 1 for the sigmoid of a binary task.
        l2: weight of the L2 penalty on kernels.
        options: options of this architecture, from the recipe.
        registry: :data:`ARCHITECTURES` of classifiers, or :data:`FACE_NETWORKS`.

    Returns:
        tf_keras.Model: float32 (batch, height, width, channels) -> (batch, outputs) probabilities for a classifier.

    Raises:
        OptionError: unknown name.
        RecipeError: unknown option, or pretrained weights that are not there.
    """
    builder = registry.load(name)
    known = [
        p.name for p in inspect.signature(builder).parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "l2"
    ]
    if unknown := sorted(set(options or {}) - set(known)):
        close = difflib.get_close_matches(unknown[0], known, n=1)
        raise RecipeError(
            f"architecture {name!r} has no option {unknown[0]!r}",
            expected="one of " + ", ".join(known),
            hint=f"did you mean {close[0]}?" if close else None,
        )
    try:
        return builder(spec.shape, outputs, l2=l2, **(options or {}))
    except (TypeError, ValueError, IndexError) as error:
        raise RecipeError(f"architecture {name!r} cannot be built with these options ({error})") from error
