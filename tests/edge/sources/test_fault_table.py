"""Every row of docs/failures.md names a test that injects the fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PAGE = HERE.parents[1] / "docs" / "failures.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!fault \|)\w", line)]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: cells(row)[0])
def test_row_names_tests_that_there_are(row: str) -> None:
    fault, *_, tests = cells(row)
    assert tests, fault
    if tests in ("the same", "`test_faults.py` as above"):
        return
    file = None
    for name in re.findall(r"`([^`]+)`", tests):
        path, _, test = (
            name.rpartition("::") if "::" in name else (name, "", "") if name.endswith(".py") else ("", "", name)
        )
        if path:
            file = next(HERE.rglob(path), None)
        assert file is not None, name
        assert not test or re.search(rf"^def \w*{re.escape(test.lstrip('.'))}\b", file.read_text(), re.MULTILINE), name
