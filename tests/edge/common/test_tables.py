"""Tables for people."""

from __future__ import annotations

import re

import pytest

from edgeemo.edge.common.tables import aligned, name_values, terminal_table


def test_long_values_are_wrapped_beside_their_name_and_empty_ones_left_out() -> None:
    lines = name_values([("a", "word " * 40), ("empty", ""), ("long name", "x")]).splitlines()
    assert [line[:11].rstrip() for line in lines] == ["a", "", "long name"]
    assert max(map(len, lines)) <= 118


ROWS = [("model", "points"), ("net [bold]", "1.5"), ("other", "12")]


def test_a_pipe_gets_aligned_columns() -> None:
    text = terminal_table(ROWS)
    assert text == aligned(ROWS)
    assert text.splitlines() == ["model       points", "----------  ------", "net [bold]     1.5", "other           12"]


def test_a_terminal_gets_a_table_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = terminal_table([*ROWS, ("long", "word " * 20)])
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
    assert max(map(len, lines)) <= 40
    assert any("net [bold]" in line and "1.5" in line for line in lines)
    assert sum("word" in line for line in lines) > 1
