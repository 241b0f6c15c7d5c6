"""Options of a quantization; light enough for ``--help``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..edge.common.errors import OptionError
from .qat.options import QatOptions

#: How activation ranges are estimated. ``minmax`` clips nothing; ``percentile`` and ``mse`` give up rare large values
#: for finer steps below them.
CALIBRATION_METHODS = ("minmax", "percentile", "mse")
#: How weights are rounded: each to the nearest step, or together so that their errors cancel.
ROUNDINGS = ("nearest", "gptq")
#: Where operators may be kept out of int8: in float, or with 16-bit activations.
KEPT_IN = ("float32", "int16")


@dataclass(frozen=True)
class QuantizeOptions:
    """Options of :func:`edgeemo.optimize.quantize.quantize`.

    Args:
        calibration_size: training faces to calibrate on, stratified by class. From 100 on the draw hardly matters
            (docs/post-training.md).
        calibration_method: one of :data:`CALIBRATION_METHODS`. No other was better on every network.
        rounding: one of :data:`ROUNDINGS`. ``gptq`` takes some seconds, and the nearest step is what converters do.
        per_channel: a scale for each output channel of the weights. It matters more than all of the above; some
            hardware wants one for each tensor.
        qat: options of quantization-aware training.
    """

    calibration_size: int = 500
    calibration_method: str = "minmax"
    rounding: str = "nearest"
    per_channel: bool = True
    qat: QatOptions = field(default_factory=QatOptions)

    def __post_init__(self) -> None:
        for what, value, choices in (
            ("calibration method", self.calibration_method, CALIBRATION_METHODS),
            ("rounding", self.rounding, ROUNDINGS),
        ):
            if value not in choices:
                raise OptionError(f"unknown {what}", expected="one of " + ", ".join(choices), got=repr(value))


@dataclass(frozen=True)
class MixedPrecisionOptions:
    """Options of :func:`edgeemo.optimize.sensitivity.mixed_precision.find_mixed_precision`.

    Args:
        max_drop: accuracy that may be lost at the upper 95 % bound, percentage points.
        kept_in: one of :data:`KEPT_IN`. 16-bit activations run on unoptimized kernels, so float is the default.
        float_io: keep input and output in float32.
        per_channel: a scale for each output channel of the weights.
        rounding: rounding of the weights to start with, one of :data:`ROUNDINGS`.
    """

    max_drop: float
    kept_in: str = "float32"
    float_io: bool = False
    per_channel: bool = True
    rounding: str = "nearest"
