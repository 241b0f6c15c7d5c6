"""Somebody else's data-set format, installed and used from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_format.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry_points = {"edgeemo.formats": {"toy": "toy_format:ToyFormat"}}
    return plugin_venv(tmp_path_factory.mktemp("format"), TOY, entry_points)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "faces.toy"
    path.write_text("learn happy 200\nlearn sad 50\nexam happy 201\nexam sad 400\n")
    return path


def test_it_is_audited(python: Path, data: Path, tmp_path: Path) -> None:
    words = ["data", "audit", str(data), "--out", str(tmp_path / "audit.csv"), "--skip-bad", "--json"]
    found = json.loads(edgeemo(python, *words).stdout)
    assert found["counts"] == {"train": {"happy": 1, "sad": 1}, "test": {"happy": 1, "sad": 0}}


def test_what_it_cannot_use_is_named(python: Path, data: Path, tmp_path: Path) -> None:
    done = edgeemo(python, "data", "audit", data, "--out", tmp_path / "audit.csv", check=False)
    assert done.returncode == 1
    assert "line 4 has the gray level 400" in done.stderr


def test_its_splits_are_measured_on(python: Path, data: Path, tiny_int8: Path) -> None:
    words = ["evaluate", str(tiny_int8), "--data", str(data), "--skip-bad", "--json"]
    assert json.loads(edgeemo(python, *words).stdout)["n"] == 1
