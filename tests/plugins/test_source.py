"""Somebody else's source of frames, installed and used from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_source.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry_points = {"edgeemo.sources": {"toy": "toy_source:SOURCE"}}
    return plugin_venv(tmp_path_factory.mktemp("source"), TOY, entry_points)


def test_its_frames_are_classified(python: Path, tiny_int8: Path) -> None:
    done = edgeemo(python, "run", tiny_int8, "--source", "toy:3", "--detector", "none")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["index"], line["time"], line["source"]) for line in lines] == [
        (0, 0.0, "toy:3"),
        (1, 0.1, "toy:3"),
        (2, 0.2, "toy:3"),
    ]
    assert [len(line["faces"]) for line in lines] == [1, 1, 1]
    assert done.stderr.startswith("3 frames, 3 faces, ")


def test_help_lists_it(python: Path) -> None:
    assert "toy:N: N gray frames" in edgeemo(python, "run", "--help").stdout
