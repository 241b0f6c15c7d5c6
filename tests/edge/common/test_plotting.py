"""Figures: formats, equal bytes, palettes, and what is said without matplotlib."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from edgeemo.edge.common.errors import EdgeemoError, MissingExtraError
from edgeemo.edge.common.plotting import figure, save_figure, subplots

from ...conftest import raises


@pytest.mark.parametrize("name", ["plot.png", "plot.svg", "PLOT.PNG"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    files = []
    for folder in ("one", "two"):
        drawing, axes = subplots(3, 2)
        axes.plot([0, 1], label="line")
        save_figure(drawing, tmp_path / folder / name)
        files.append((tmp_path / folder / name).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(("colors", "mode"), [(None, "RGBA"), (16, "P")])
def test_a_palette_makes_small_files(tmp_path: Path, colors: int | None, mode: str) -> None:
    pytest.importorskip("matplotlib")
    save_figure(figure(3, 2), tmp_path / "plot.png", dpi=50, colors=colors)
    with Image.open(tmp_path / "plot.png") as image:
        assert image.mode == mode
        assert image.size == (150, 100)


def test_axes_stand_in_rows_and_columns() -> None:
    pytest.importorskip("matplotlib")
    assert subplots(3, 2, rows=2, columns=3)[1].shape == (2, 3)


def test_another_format_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with raises(EdgeemoError, expected=r"^\.png or \.svg"):
        save_figure(figure(3, 2), tmp_path / "plot.gif")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with raises(MissingExtraError, hint="evaluate"):
        figure(3, 2)
