"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def data_cleaning(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--exclude``, ``--drop-leaks``, ``--skip-bad``."""
    for option in (
        click.option(
            "--skip-bad", is_flag=True, help="Leave out broken pictures and rows instead of refusing the data."
        ),
        click.option(
            "--drop-leaks", is_flag=True, help="Leave out training pictures that also stand in the test split."
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="CSV",
            help="Leave out the training pictures that this list names by row or key; repeatable.",
        ),
    ):
        command = option(command)
    return command


def evaluation_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data``, ``--split``, ``--limit``, ``--skip-bad`` of commands that measure accuracy."""
    for option in (
        click.option(
            "--skip-bad", is_flag=True, help="Leave out broken pictures and rows instead of refusing the data."
        ),
        click.option("--limit", type=click.IntRange(1), help="At most so many pictures, stratified by class."),
        click.option("--split", default="test", show_default=True, help="Split, or part by its own name (PublicTest)."),
        click.option("--data", required=True, metavar="PATH", help="Folder, zip or CSV; or 'synthetic'."),
    ):
        command = option(command)
    return command
