"""Options of ``edgeemo quantize``, gathered into the dataclasses that the code takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from ...edge.commands.options import gathered
from ...edge.common.errors import OptionError
from ..methods import METHODS
from ..options import CALIBRATION_METHODS, KEPT_IN, QuantizeOptions
from ..qat.options import Distillation, QatOptions
from .options import rounding_option

_Command = Callable[..., Any]

_METHOD = (
    click.option(
        "--method",
        type=click.Choice(METHODS.names()),
        default="int8",
        show_default=True,
        help="qat trains quantization-aware first; all others are post-training.",
    ),
    click.option(
        "--calibration-size",
        default=QuantizeOptions.calibration_size,
        show_default=True,
        help="Training faces for post-training calibration.",
    ),
    click.option(
        "--calibration-method",
        type=click.Choice(CALIBRATION_METHODS),
        default=QuantizeOptions.calibration_method,
        show_default=True,
        help="How activation ranges are estimated, for int8 and int8-float-io; all but minmax by ai-edge-quantizer.",
    ),
    rounding_option("Weight rounding of methods that calibrate; gptq compensates errors on the calibration faces."),
    click.option("--per-tensor", is_flag=True, help="One scale for each weight tensor instead of one per channel."),
    click.option("--qat-skip", metavar="LAYER", multiple=True, help="qat: keep this layer in float; repeatable."),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="qat: change a value of the recipe, as qat.distillation=1; repeatable.",
    ),
    click.option("--distill", is_flag=True, help="qat: learn from the float model too, at temperature 2, half each."),
    click.option(
        "--qat-epochs", type=click.IntRange(min=1), metavar="N", help="qat: epochs.  [default: the recipe's qat.epochs]"
    ),
    click.option(
        "--qat-steps", type=click.IntRange(min=1), metavar="N", help="qat: batches in an epoch at most, for a trial."
    ),
)

_GATE = (
    click.option("--max-drop", type=float, help="Gate: accuracy that may be lost on the validation split, points."),
    click.option("--mixed-precision", is_flag=True, help="Keep the worst operators out of int8 until the gate passes."),
    click.option(
        "--mixed-precision-in",
        type=click.Choice(KEPT_IN),
        default="float32",
        show_default=True,
        help="Type of the operators that --mixed-precision keeps out of int8.",
    ),
)


@dataclass(frozen=True)
class GateOptions:
    """Gate on the loss of accuracy, and mixed precision for a model that fails it.

    Args:
        max_drop: accuracy that may be lost at the upper 95 % bound, percentage points; None for no gate.
        mixed_precision: keep operators out of int8 until the gate passes.
        mixed_precision_in: type that these operators compute in.
    """

    max_drop: float | None
    mixed_precision: bool
    mixed_precision_in: str

    def check(self, method: str) -> None:
        """Refuse a negative limit, and mixed precision without a gate or with a method that does not support it.

        Raises:
            OptionError: one of them is given.
        """
        if self.max_drop is not None and self.max_drop < 0:
            raise OptionError("--max-drop must not be negative: give the points that may be lost, as 1.0")
        if self.mixed_precision and self.max_drop is None:
            raise OptionError("--mixed-precision needs --max-drop: it stops when that gate passes")
        if self.mixed_precision and not METHODS.load(method).mixed_precision:
            fits = [name for name in METHODS.builtin if METHODS.load(name).mixed_precision]
            raise OptionError(f"--mixed-precision goes with --method {' or '.join(fits)}")


def quantize_options(command: _Command) -> _Command:
    """Add the method and its options to a command, which gets them as ``method`` and ``options``.

    Raises:
        OptionError: options of quantization-aware training with another method.
    """

    @functools.wraps(command)
    def wrapper(*, method: str, per_tensor: bool, distill: bool, **values: Any) -> Any:
        qat = QatOptions(
            epochs=values.pop("qat_epochs"),
            steps=values.pop("qat_steps"),
            skip=values.pop("qat_skip"),
            distillation=Distillation() if distill else None,
            overrides=values.pop("overrides"),
        )
        if qat != QatOptions() and not METHODS.load(method).trains:
            raise OptionError(
                f"--qat-skip, --set, --distill, --qat-epochs and --qat-steps go with --method qat, not {method}"
            )
        chosen = {name: values.pop(name) for name in ("calibration_size", "calibration_method", "rounding")}
        options = QuantizeOptions(**chosen, per_channel=not per_tensor, qat=qat)
        return command(method=method, options=options, **values)

    return _with(wrapper, _METHOD)


def gate_options(command: _Command) -> _Command:
    """Add the options of the gate to a command, which gets them as ``gate``."""
    decorated: _Command = gathered("gate", GateOptions, _GATE)(command)
    return decorated


def _with(command: _Command, options: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
