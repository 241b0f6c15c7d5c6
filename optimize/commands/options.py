"""What commands ask that take a model of any kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ...edge.common.errors import EdgeemoError
from ...edge.model.describe import Description, label_names
from ...edge.vision.preprocess import CHANNELS, NORMALIZATIONS

_Command = Callable[..., Any]


def float_model_options(command: _Command) -> _Command:
    """``--data`` and what only a person knows of a model without a card, handed over as ``description``."""

    @functools.wraps(command)
    def wrapper(
        *,
        labels: str | None,
        normalization: str | None,
        height: int | None,
        width: int | None,
        channels: str | None,
        card: str | None,
        **others: Any,
    ) -> Any:
        description = Description(
            label_names(labels), normalization or "", height or 0, width or 0, channels or "", card or ""
        )
        try:
            return command(description=description, **others)
        except MemoryError as error:
            raise EdgeemoError(
                f"this ran out of memory ({error})",
                hint="lower --calibration-size, close other programs, or use a larger machine",
            ) from error

    side = click.IntRange(1, 4096)
    for option in (
        click.option("--card", metavar="FILE", help="JSON model card, in place of the following."),
        click.option("--channels", type=click.Choice(list(CHANNELS)), help="Colors.  [default: as the model tells]"),
        click.option("--width", type=side, metavar="N", help="Input width.  [default: as the model tells]"),
        click.option("--height", type=side, metavar="N", help="Input height.  [default: as the model tells]"),
        click.option(
            "--normalization", type=click.Choice(list(NORMALIZATIONS)), help="How the model's pixels become values."
        ),
        click.option("--labels", metavar="LIST", help="The model's classes in the order of its outputs: happy,sad."),
        click.option(
            "--data",
            metavar="PATH",
            help="Faces of the kind the model was trained on; only the training split is used. A run knows its own.",
        ),
    ):
        wrapper = option(wrapper)
    return wrapper


def rounding_option(help_text: str) -> Callable[[_Command], _Command]:
    """``--rounding``; the names are those of :mod:`edgeemo.optimize.converters.gptq`, not loaded by ``--help``."""
    return click.option(
        "--rounding",
        type=click.Choice(["nearest", "gptq"]),
        default="nearest",
        show_default=True,
        help=help_text,
    )
