"""Keyword arguments that are checked by name where they are gathered in one dictionary."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .errors import OptionError


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse keyword arguments that nobody knows.

    Args:
        given: names that were given.
        known: names that exist.

    Raises:
        OptionError: an unknown name.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            raise OptionError(
                f"unknown option {name!r}",
                expected=f"some of {', '.join(names)}",
                hint=f"did you mean {close[0]}?" if close else None,
            )
