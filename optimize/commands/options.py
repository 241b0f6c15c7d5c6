"""Options that several commands of this package have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from ...edge.commands.options import force_option, gathered, json_option, out_option, quiet_option
from ...edge.common.errors import EdgeemoError
from ...edge.model.describe import Description, label_names
from ...edge.vision.preprocess import CHANNELS, NORMALIZATIONS
from ..options import ROUNDINGS

_Command = Callable[..., Any]


@dataclass(frozen=True)
class ModelArgument:
    """A float model on the command line.

    Args:
        path: run folder or model.
        description: what only a person knows of a model without a card.
        data: data set of faces of the kind the model was trained on; a run knows its own.
    """

    path: str
    description: Description
    data: str | None


@dataclass(frozen=True)
class Output:
    """Where the result of a command goes.

    Args:
        out: file to write; None for the command's default.
        force: overwrite it.
        quiet: show no progress.
        as_json: print the result as JSON.
    """

    out: str | None
    force: bool
    quiet: bool
    as_json: bool

    @property
    def silent(self) -> bool:
        """Whether progress is left out: when it was asked for, or when a program reads the result."""
        return self.quiet or self.as_json


def output_options(out_help: str, *, force_help: str = "Overwrite the file.") -> Callable[[_Command], _Command]:
    """Add --out, --force, --quiet and --json to a command, which gets them as ``output``.

    Args:
        out_help: help of --out.
        force_help: help of --force.
    """

    options = (out_option(out_help), force_option(force_help), quiet_option("Show no progress."), json_option())
    return gathered("output", Output, options)


def float_model_options(command: _Command) -> _Command:
    """Add a float model to a command, which gets it as ``source``: --data, and what a model without a card needs."""

    @functools.wraps(command)
    def wrapper(
        *,
        model: str,
        data: str | None,
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
            return command(source=ModelArgument(model, description, data), **others)
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
    argument: _Command = click.argument("model", metavar="RUN_OR_MODEL")(wrapper)
    return argument


def rounding_option(help_text: str) -> Callable[[_Command], _Command]:
    """Return ``--rounding`` with this help."""
    return click.option(
        "--rounding",
        type=click.Choice(ROUNDINGS),
        default=ROUNDINGS[0],
        show_default=True,
        help=help_text,
    )
