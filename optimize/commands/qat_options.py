"""Options of ``edgeemo quantize --method qat``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ...edge.common.errors import OptionError
from ..qat.options import Distillation, QatOptions

_OPTIONS = (
    click.option(
        "--qat-skip",
        metavar="LAYER",
        multiple=True,
        help="qat: leave this layer in floating point; can be given several times.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="qat: change a value of the recipe, as qat.distillation=1; repeatable.",
    ),
    click.option("--distill", is_flag=True, help="qat: learn from the float model too, at temperature 2, half each."),
    click.option(
        "--qat-epochs",
        type=click.IntRange(min=1),
        metavar="N",
        help="qat: epochs.  [default: the recipe's qat.epochs]",
    ),
    click.option(
        "--qat-steps", type=click.IntRange(min=1), metavar="N", help="qat: batches in an epoch at most, for a trial."
    ),
)


def qat_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --qat-skip, --set, --distill, --qat-epochs and --qat-steps to a command, which gets them as ``qat``.

    Raises:
        OptionError: one of them is given with another ``method`` than qat.
    """

    @functools.wraps(function)
    def with_options(
        *arguments: Any,
        method: str,
        qat_skip: tuple[str, ...],
        overrides: tuple[str, ...],
        distill: bool,
        qat_epochs: int | None,
        qat_steps: int | None,
        **others: Any,
    ) -> Any:
        distillation = Distillation() if distill else None
        qat = QatOptions(qat_epochs, qat_steps, qat_skip, distillation, overrides)
        if method != "qat" and qat != QatOptions():
            raise OptionError(
                f"--qat-skip, --set, --distill, --qat-epochs and --qat-steps go with --method qat, not {method}"
            )
        return function(*arguments, method=method, qat=qat, **others)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
