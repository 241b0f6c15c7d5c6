"""TOML that is written can be read again."""

from __future__ import annotations

from typing import Any

import pytest

from edgeemo.train.config import toml


@pytest.mark.parametrize(
    "table",
    [
        {"name": "x", "rate": 1e-06, "epochs": 3, "flip": True, "large": 1e22, "whole": 2.0},
        {"text": 'a "quoted" \\ back\nline\ttab é 😀 \x7f \x00'},
        {"widths": [8, 16], "nested": [[1, 2], ["a"]], "empty": []},
        {"architecture": {"name": "cnn3", "options": {"deep": {"er": 1}}}, "after": 1},
        {"phase": [{"epochs": 1, "frozen": True}, {"epochs": 2, "inner": {"x": [1.5]}}]},
        {"a key": 1, "": 2, "dotted.key": {"x y": "z"}, "ä": 1},
        {},
    ],
)
def test_a_table_survives_being_written(table: dict[str, Any]) -> None:
    assert toml.parse(toml.dumps(table)) == table
