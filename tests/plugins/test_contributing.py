"""CONTRIBUTING.md shows the very files of the toy plug-ins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHOWN = re.findall(r"```python\n(.*?)```", (HERE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("file", sorted(HERE.glob("toy_*.py")), ids=lambda file: file.stem)
def test_contributing_shows_the_file(file: Path) -> None:
    assert file.read_text(encoding="utf-8") in SHOWN
