"""The recipe of the face finder: read, written out, changed, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.config.detection import load_finder_recipe


def test_what_is_written_out_is_read_as_the_same(tmp_path: Path) -> None:
    recipe = load_finder_recipe("face-finder")
    (tmp_path / "own.toml").write_text(recipe.to_toml())
    assert load_finder_recipe(tmp_path / "own.toml") == recipe


def test_a_value_is_changed() -> None:
    assert load_finder_recipe("face-finder", ["training.steps=5"]).training.steps == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.steps=0", "steps is out of range"),
        ("training.stepps=5", "unknown key training.stepps"),
        ("training.steps=many", "wrong type"),
        ("input.channels=rgb", "expected gray"),
        ("input.width=190", "multiple of 4"),
    ],
)
def test_what_is_wrong_is_said(override: str, message: str) -> None:
    with pytest.raises(EdgeemoError, match=message):
        load_finder_recipe("face-finder", [override])


def test_an_unknown_recipe_names_the_known() -> None:
    with pytest.raises(EdgeemoError, match="one of face-finder"):
        load_finder_recipe("face-loser")
