"""Declarations of plug-ins: their command-line options, and the packages that they need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from .errors import EdgeemoError, MissingExtraError
from .extras import explained


def collect_options(
    kind: str, own: Iterable[click.Option], declared: Mapping[str, Sequence[click.Option]]
) -> list[click.Option]:
    """Return all options of a command: its own, then those of its plug-ins.

    Args:
        kind: singular noun for messages, such as ``"sink"``.
        own: options of the command itself.
        declared: name of a plug-in -> its options.

    Raises:
        EdgeemoError: a plug-in declares an option that is taken.
    """
    options = list(own)
    taken = {flag for option in options for flag in (option.name, *option.opts)}
    for name, more in declared.items():
        for option in more:
            flags = {option.name, *option.opts}
            if flags & taken:
                raise EdgeemoError(
                    f"the {kind} {name!r} declares the option {option.opts[0]}, which is taken",
                    hint="update or uninstall its package",
                )
            taken |= flags
            options.append(option)
    return options


def is_given(option: click.Option, values: Mapping[str, Any]) -> bool:
    """Return whether an option has a value other than its default.

    Args:
        option: option to look up.
        values: parameter name -> value.
    """
    value = values.get(str(option.name))
    return value is not None and value is not False and value != () and value != option.default


def own_values(options: Iterable[click.Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of these options alone, by parameter name; those without a value are left to their defaults."""
    names = {str(option.name) for option in options}
    return {name: value for name, value in values.items() if name in names}


@contextlib.contextmanager
def explain_missing(what: str, extra: str | None) -> Iterator[None]:
    """Turn the failed import of an optional package into an error that says what to install.

    Args:
        what: plug-in for the message, such as ``"the sink 'web'"``.
        extra: extra of edgeemo that brings its packages; None for a plug-in of another package.

    Raises:
        EdgeemoError: an import failed within the block.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "").split(".")[0]
        if known := explained(error):
            raise known from error
        if not package:
            raise
        if extra is not None:
            raise MissingExtraError(package, extra) from error
        raise EdgeemoError(
            f"{what} needs the package {package!r}, which is not installed", hint=f"pip install {package}"
        ) from error
