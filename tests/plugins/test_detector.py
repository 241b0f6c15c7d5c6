"""Somebody else's face detector, installed and used from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_detector.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry_points = {"edgeemo.detectors": {"toy": "toy_detector:ToyDetector"}}
    return plugin_venv(tmp_path_factory.mktemp("detector"), TOY, entry_points)


@pytest.mark.parametrize(
    ("choice", "box"), [("toy", [30, 10, 20, 20]), ("faces.share", [25, 5, 30, 30])], ids=["name", "file"]
)
def test_it_finds_the_faces(python: Path, tiny_int8: Path, tmp_path: Path, choice: str, box: list[int]) -> None:
    image = tmp_path / "image.png"
    Image.new("L", (80, 40), 90).save(image)
    (tmp_path / "faces.share").write_text("0.75")
    detector: Any = tmp_path / choice if "." in choice else choice
    done = edgeemo(python, "predict", tiny_int8, image, "--detector", detector, "--json")
    assert [face["box"] for face in json.loads(done.stdout)["images"][0]["faces"]] == [box]


def test_near_misses_know_it(python: Path, tiny_int8: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.png"
    Image.new("L", (80, 40), 90).save(image)
    done = edgeemo(python, "predict", tiny_int8, image, "--detector", "toys", check=False)
    assert done.returncode == 2
    assert (
        "unknown detector, expected one of auto, edgeemo, haar, yunet, none, toy, got 'toys'; did you mean toy?"
        in done.stderr
    )
