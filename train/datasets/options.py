"""Options that say which data is used, and what of it. Here, because the benchmark must not import the training."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from ...edge.common.console import message
from ...edge.common.errors import OptionError
from .classes import parse_classes
from .dataset import Dataset
from .ferplus import Mode
from .formats.kdef import ANGLES
from .selection import Choice

_Command = Callable[..., Any]

_SKIP_BAD = click.option(
    "--skip-bad", is_flag=True, help="Leave out broken images and rows instead of refusing the data."
)


def data_cleaning(command: _Command) -> _Command:
    """``--exclude``, ``--drop-leaks``, ``--skip-bad``."""
    for option in (
        _SKIP_BAD,
        click.option("--drop-leaks", is_flag=True, help="Leave out training images that also stand in the test split."),
        click.option(
            "--exclude",
            multiple=True,
            metavar="CSV",
            help="Leave out the training images that this list names by row or key; repeatable.",
        ),
    ):
        command = option(command)
    return command


def evaluation_data(*, required: bool = True, split: str = "test") -> Callable[[_Command], _Command]:
    """Add ``--data``, ``--split``, ``--limit``, ``--skip-bad`` of commands that measure accuracy.

    Args:
        required: whether the command can do nothing without ``--data``.
        split: the default of ``--split``.
    """

    def decorate(command: _Command) -> _Command:
        for option in (
            _SKIP_BAD,
            click.option("--limit", type=click.IntRange(1), help="At most so many images, stratified by class."),
            click.option("--split", default=split, show_default=True, help="Split, or part by its name (PublicTest)."),
            click.option("--data", required=required, metavar="PATH", help="Folder, zip or CSV; or 'synthetic'."),
        ):
            command = option(command)
        return command

    return decorate


def data_choice(*, modes: tuple[Mode, ...] = ()) -> Callable[[_Command], _Command]:
    """Add ``--classes``, ``--angles`` and, with modes, ``--ferplus`` and ``--ferplus-mode``, passed as ``choice``.

    Args:
        modes: of FER+ that the command can do something with; the first is the default.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def wrapper(
            *,
            classes: str | None,
            angles: str | None,
            ferplus: str | None = None,
            ferplus_mode: str | None = None,
            **others: Any,
        ) -> Any:
            if ferplus_mode and not ferplus:
                raise OptionError("--ferplus-mode needs --ferplus FILE")
            if classes is not None:
                # In a Choice nothing at all means every class.
                parse_classes(classes)
            choice = Choice(
                classes=classes or "",
                angles=_angles(angles),
                # A run must find its votes again from any working folder.
                ferplus=os.path.abspath(ferplus) if ferplus else "",
                ferplus_mode=ferplus_mode or Mode.MAJORITY.value,
            )
            return command(choice=choice, **others)

        options = [
            click.option("--angles", metavar="LIST", help=f"Use these angles of KDEF only, of {','.join(ANGLES)}."),
            click.option(
                "--classes",
                metavar="LIST",
                help="Use these classes, in this order: happy,sad; renamed: joy=happy,sad; joined: low=sad+fear,happy.",
            ),
        ]
        if modes:
            names = [mode.value for mode in modes]
            options += [
                click.option(
                    "--ferplus-mode",
                    type=click.Choice(names),
                    help=f"What becomes of the votes.  [default: {names[0]}]",
                ),
                click.option("--ferplus", metavar="FILE", help="FER+ votes (fer2013new.csv), for FER-2013."),
            ]
        for option in options:
            wrapper = option(wrapper)
        return wrapper

    return decorate


def report_left_out(dataset: Dataset) -> None:
    """Say on standard error what was left out of a data set, and why."""
    if dataset.bad:
        message(f"left out {len(dataset.bad):,} broken images")
    for note in dataset.notes:
        message(note)


def _angles(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    angles = tuple(word.strip().upper() for word in text.split(","))
    if unknown := [word for word in angles if word not in ANGLES]:
        raise OptionError(f"--angles has {unknown[0]!r}, expected some of {','.join(ANGLES)}")
    return angles
