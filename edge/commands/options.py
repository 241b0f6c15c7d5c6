"""Options that several commands share, each declared once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click

from ..inference.interpreter import RUNTIMES
from ..model.zoo import FOLDER

_Command = TypeVar("_Command", bound=Callable[..., Any])


def gathered(name: str, kind: type, options: Sequence[Callable[..., Any]]) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that adds options to a command and gathers their values in a dataclass.

    Args:
        name: parameter of the command that gets the dataclass.
        kind: dataclass whose fields are named like the parameters of the options.
        options: decorators, in the order of ``--help``.
    """
    names = [each.name for each in fields(kind)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_options(*arguments: Any, **values: Any) -> Any:
            own = {each: values.pop(each) for each in names}
            return command(*arguments, **{name: kind(**own)}, **values)

        for option in reversed(options):
            with_options = option(with_options)
        return with_options

    return decorate


def runtime_option(
    *names: str, help: str = "TFLite runtime; auto takes the first that is installed.", **options: Any
) -> Callable[[_Command], _Command]:
    """Declare ``--runtime``, a choice.

    Args:
        names: further declarations, such as the name of the parameter.
        help: replaces the text of the help.
        options: for :func:`click.option`.
    """
    kind = click.Choice(["auto", *RUNTIMES])
    return click.option(
        "--runtime", *names, type=kind, help=help, **{"default": "auto", "show_default": True, **options}
    )


def json_option(help: str = "Print the result as JSON.") -> Callable[[_Command], _Command]:
    """Declare ``--json``; the command gets it as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def out_option(help: str, **options: Any) -> Callable[[_Command], _Command]:
    """Declare ``-o/--out``.

    Args:
        help: what is written, and where without it.
        options: for :func:`click.option`.
    """
    return click.option("-o", "--out", help=help, **{"metavar": "FILE", **options})


def force_option(help: str = "Replace the file.") -> Callable[[_Command], _Command]:
    """Declare ``--force``."""
    return click.option("--force", is_flag=True, help=help)


def quiet_option(help: str = "Print no messages and no progress.") -> Callable[[_Command], _Command]:
    """Declare ``-q/--quiet``."""
    return click.option("-q", "--quiet", is_flag=True, help=help)


def models_folder_option(command: _Command) -> _Command:
    """Declare ``--folder``, a folder of models with a manifest; the package's own by default."""
    option = click.option(
        "--folder", metavar="DIR", default=str(FOLDER), help="Another folder of models, with a manifest."
    )
    return option(command)
