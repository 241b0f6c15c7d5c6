"""Somebody else's sink, installed and used from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_sink.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry_points = {"edgeemo.sinks": {"toy": "toy_sink:SINK"}}
    return plugin_venv(tmp_path_factory.mktemp("sink"), TOY, entry_points)


def test_it_takes_the_updates_beside_the_lines(python: Path, tiny_int8: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (48, 48), 90).save(images / name)
    out = tmp_path / "labels.txt"
    arguments = ("--source", images, "--detector", "none", "--privacy", "--toy-sink", out)
    done = edgeemo(python, "run", tiny_int8, *arguments)
    labels = [json.loads(line)["faces"][0]["label"] for line in done.stdout.splitlines()]
    assert len(labels) == 2
    assert out.read_text().splitlines() == labels


def test_help_shows_its_option(python: Path) -> None:
    assert "Write the labels of each frame to FILE." in " ".join(edgeemo(python, "run", "--help").stdout.split())


def test_one_that_cannot_be_imported_is_one_sentence_with_its_package(tmp_path: Path, tiny_int8: Path) -> None:
    file = tmp_path / "broken_sink.py"
    file.write_text("raise RuntimeError('old')\n")
    python = plugin_venv(tmp_path, file, {"edgeemo.sinks": {"broken": "broken_sink:SINK"}})
    done = edgeemo(python, "run", tiny_int8, "--source", "0", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the sink 'broken' of broken_sink cannot be loaded (RuntimeError: old); "
        "update or uninstall broken_sink\n"
    )
