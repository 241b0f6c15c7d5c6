"""Parsed TOML to frozen dataclasses, and single values of it changed from the command line."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from typing import Any

from ...edge.common.errors import RecipeError
from . import toml


def apply_override(table: dict[str, Any], text: str) -> None:
    """Change one value of a table.

    Args:
        table: as parsed; changed in place.
        text: ``section.key=value``; the value is TOML, or a plain word. ``part.1.key`` is the first of ``[[part]]``.

    Raises:
        RecipeError: it cannot be read, or leads to no place in the table.
    """
    key, separator, value = text.partition("=")
    *sections, last = key.strip().split(".")
    if not separator or not last or not all(sections):
        raise RecipeError(f"override {text!r} cannot be read", expected="section.key=value, as schedule.epochs=5")
    try:
        parsed = toml.parse(f"x = {value}")["x"]
    except toml.TOMLDecodeError:
        parsed = value.strip()
    place: Any = table
    for section in sections:
        if isinstance(place, list):
            if not section.isdecimal() or not 1 <= int(section) <= len(place):
                raise RecipeError(f"override {text!r} does not fit", expected=f"a number from 1 to {len(place)}")
            place = place[int(section) - 1]
        else:
            place = place.setdefault(section, {})
        if not isinstance(place, dict | list):
            raise RecipeError(f"override {text!r} does not fit", expected="a section before the last dot")
    if isinstance(place, list):
        raise RecipeError(f"override {text!r} does not fit", expected="the number of a part, as phase.1.epochs=5")
    place[last] = parsed


def extended(table: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return a table with another's values over its own, section by section.

    A section that names another thing (``architecture.name``) is taken whole: the options of the one are not the
    other's.
    """
    result = dict(table)
    for key, value in other.items():
        own = result.get(key)
        if isinstance(own, dict) and isinstance(value, dict) and value.get("name") in (None, own.get("name")):
            value = extended(own, value)
        result[key] = value
    return result


def from_table(cls: type, table: Any, where: str, prefix: str = "") -> Any:
    """Build a frozen dataclass, and those inside it, from a table.

    Args:
        cls: the dataclass; a field ``tuple[Part, ...]`` takes an array of tables.
        table: as parsed.
        where: file name for messages.
        prefix: of the keys in messages, as ``section.``.

    Raises:
        RecipeError: an unknown or missing key, or a value of the wrong type.
    """
    if not isinstance(table, dict):
        raise RecipeError(f"{where}: {prefix.rstrip('.')} is not a section", got=repr(table))
    hints = typing.get_type_hints(cls)
    if unknown := sorted(set(table) - set(hints)):
        close = _near_miss(unknown[0], hints)
        raise RecipeError(
            f"{where} has an unknown key {prefix}{unknown[0]}",
            expected="one of " + ", ".join(hints),
            hint=f"did you mean {prefix}{close}?" if close else None,
        )
    values = {}
    for key, value in table.items():
        kind = hints[key]
        if dataclasses.is_dataclass(kind):
            values[key] = from_table(typing.cast(type, kind), value, where, f"{prefix}{key}.")
        else:
            values[key] = _checked(kind, value, where, prefix + key)
    try:
        return cls(**values)
    except TypeError as error:
        missing = str(error).rsplit(":", 1)[-1].strip()
        raise RecipeError(f"{where} lacks {prefix}{missing}") from error


def _near_miss(key: str, hints: dict[str, Any]) -> str | None:
    """The known key that was probably meant: one that is spelled alike, or the same one in a section."""
    if close := difflib.get_close_matches(key, hints, n=1):
        return close[0]
    sections = (name for name, kind in hints.items() if dataclasses.is_dataclass(kind))
    return next((f"{name}.{key}" for name in sections if key in typing.get_type_hints(hints[name])), None)


def _checked(kind: Any, value: Any, where: str, key: str) -> Any:
    plain = typing.get_origin(kind) or kind
    if plain is tuple and isinstance(value, list):
        part = typing.get_args(kind)[0]
        return tuple(from_table(part, each, where, f"{key}.{number}.") for number, each in enumerate(value, start=1))
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(plain, types.UnionType)
        or (isinstance(value, bool) and plain is not bool)
        or not isinstance(value, plain)
    ):
        raise RecipeError(f"{where}: {key} has the wrong type", expected=plain.__name__, got=repr(value))
    return value
