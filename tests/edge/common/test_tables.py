"""Tables for people."""

from __future__ import annotations

from edgeemo.edge.common.tables import name_values


def test_long_values_are_wrapped_beside_their_name_and_empty_ones_left_out() -> None:
    lines = name_values([("a", "word " * 40), ("empty", ""), ("long name", "x")]).splitlines()
    assert [line[:11].rstrip() for line in lines] == ["a", "", "long name"]
    assert max(map(len, lines)) <= 118
