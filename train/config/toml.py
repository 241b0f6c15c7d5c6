"""TOML: reading, and writing of plain tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOMLDecodeError = tomllib.TOMLDecodeError


def parse(text: str) -> dict[str, Any]:
    """Return a TOML document as a table.

    Raises:
        TOMLDecodeError: it is not TOML.
    """
    table: dict[str, Any] = tomllib.loads(text)
    return table


def dumps(table: Mapping[str, Any]) -> str:
    """Return a table as TOML: values first, then sections, then arrays of sections.

    Args:
        table: texts, numbers, booleans, arrays of these, tables, and arrays of tables.
    """
    return "\n".join(_lines(table, "")) + "\n"


def _lines(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    sections = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    arrays = {key: value for key, value in table.items() if _is_array_of_tables(value)}
    for key, value in table.items():
        if key not in sections and key not in arrays:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in sections.items():
        name = f"{prefix}{_key(key)}"
        yield from ("", f"[{name}]", *_lines(value, f"{name}."))
    for key, parts in arrays.items():
        name = f"{prefix}{_key(key)}"
        for part in parts:
            yield from ("", f"[[{name}]]", *_lines(part, f"{name}."))


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(part, Mapping) for part in value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's texts are TOML's, but for the one control character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # As TOML writes them: 1e-06, inf, nan, 2026-12-01.
    return repr(value) if isinstance(value, int | float) else str(value)
