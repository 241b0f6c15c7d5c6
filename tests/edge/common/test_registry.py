"""Registries: built-in and other packages' plug-ins by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.common.registry import Registry

REGISTRY: Registry[Callable[..., object]] = Registry("shape", "edgeemo.test_shapes", {"join": "os.path:join"})


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installed plug-ins: one that works, one whose module fails."""
    (tmp_path / "shapes_good.py").write_text("def square():\n    return 4\n")
    (tmp_path / "shapes_bad.py").write_text("raise RuntimeError('no such shape')\n")
    info = tmp_path / "shapes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[edgeemo.test_shapes]\nsquare = shapes_good:square\nbroken = shapes_bad:x\njoin = shapes_good:square\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def test_a_builtin_plugin_is_loaded_by_name() -> None:
    assert REGISTRY.names() == ["join"]
    assert REGISTRY.load("join")("a", "b") == "a/b"


@pytest.mark.usefixtures("plugins")
def test_other_packages_join_and_replace_nothing() -> None:
    assert REGISTRY.names() == ["join", "broken", "square"]
    assert "square" in REGISTRY
    assert REGISTRY.load("square")() == 4
    assert REGISTRY.load("join")("a", "b") == "a/b"


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("squar", "did you mean square?", id="near miss"),
        pytest.param("zzz", "expected one of join, broken, square", id="unknown"),
        pytest.param("broken", "of shapes cannot be loaded (RuntimeError: no such shape)", id="fails on import"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as error:
        REGISTRY.load(name)
    assert sentence in str(error.value)
