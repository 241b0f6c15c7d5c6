"""Ranges of activations before the first step of quantization-aware training.

tfmot begins every range at -6 to 6 and moves it by a thousandth in each step: after 100 steps nine tenths of that guess
are left, after 1,000 more than a third, and a network trained on so few steps is deployed with most of its 256 levels
unused. Here each range begins at the mean of what some batches show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: What tfmot's moving average of a range keeps of it in a step.
_DECAY = 0.999
#: Ends of the names of ranges, and of those that are moving averages. The input's grows with all that was seen, those
#: of weights are of the last step alone: one pass is enough.
_RANGES = ("_min", "_max")
_AVERAGED = ("output_min", "output_max", "activation_min", "activation_max")


def init_ranges(model: Any, batches: Sequence[Any]) -> None:
    """Give every activation's range the mean over batches of its smallest and its largest value.

    Args:
        model: with fake quantization; nothing but its ranges is changed.
        batches: inputs float32 (n, height, width, channels) each, as in training.
    """
    ranges = [variable for variable in model.non_trainable_variables if _name(variable).endswith(_AVERAGED)]
    others = [variable for variable in model.non_trainable_variables if not _name(variable).endswith(_RANGES)]
    kept = [variable.numpy() for variable in others]
    # Twice: in the first pass each layer's inputs are still quantized by the guess before it.
    for _ in range(2):
        begun = [variable.numpy() for variable in ranges]
        sums = [np.zeros_like(value, np.float64) for value in begun]
        for inputs in batches:
            model(inputs, training=True)
            for total, variable, value in zip(sums, ranges, begun, strict=True):
                # What the batch showed, by the step that the average made towards it.
                total += value + (variable.numpy().astype(np.float64) - value) / (1 - _DECAY)
                variable.assign(value)
        for total, variable in zip(sums, ranges, strict=True):
            found = total / len(batches)
            # TFLite wants zero in every range.
            variable.assign(np.minimum(found, 0) if _name(variable).endswith("min") else np.maximum(found, 0))
    for variable, value in zip(others, kept, strict=True):
        variable.assign(value)


def _name(variable: Any) -> str:
    return str(variable.name).rsplit(":", 1)[0]
