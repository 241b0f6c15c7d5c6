"""CONTRIBUTING.md shows the very files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BLOCKS = re.findall(
    r'^```\w+(?: title="([^"]+)")?\n(.*?)^```',
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)
SHOWN = [text for _, text in BLOCKS]
TITLED = [(title, text) for title, text in BLOCKS if title]


@pytest.mark.parametrize("file", sorted(HERE.glob("toy_*.py")), ids=lambda file: file.stem)
def test_contributing_shows_the_file(file: Path) -> None:
    assert file.read_text(encoding="utf-8") in SHOWN


@pytest.mark.parametrize(("title", "text"), TITLED, ids=[title for title, _ in TITLED])
def test_block_with_the_name_of_a_file_is_that_file(title: str, text: str) -> None:
    assert text == (ROOT / title).read_text(encoding="utf-8")


def test_a_block_has_a_title() -> None:
    assert TITLED
