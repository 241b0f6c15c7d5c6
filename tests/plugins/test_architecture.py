"""Somebody else's architecture, installed and used from the command line by a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_architecture.py"
RECIPE = TOY.with_suffix(".toml")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry_points = {"edgeemo.architectures": {"toy": "toy_architecture:toy"}}
    return plugin_venv(tmp_path_factory.mktemp("architecture"), TOY, entry_points)


def test_its_recipe_is_trained(python: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    edgeemo(python, "train", RECIPE, "--data", "synthetic:train=70,test=7,size=24", "--out", run)
    metrics = json.loads((run / "metrics.json").read_text())
    # 4 filters of 3x3 with biases, 7 classes of 4 features with biases.
    assert metrics["parameters"] == 4 * 9 + 4 + 7 * 4 + 7
    assert json.loads((run / "card.json").read_text())["provenance"]["architecture"] == "toy"


@pytest.mark.parametrize(
    ("override", "code", "sentence"),
    [
        ("architecture.filter=2", 1, "has no option 'filter', expected one of filters; did you mean filters?"),
        ("architecture.name=toi", 2, "unknown architecture"),
    ],
)
def test_near_misses_know_it(python: Path, tmp_path: Path, override: str, code: int, sentence: str) -> None:
    words = ["train", str(RECIPE), "--data", "synthetic:train=70,test=7,size=24", "--out", str(tmp_path / "run")]
    done = edgeemo(python, *words, "--set", override, check=False)
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert "did you mean toy?" in done.stderr or "did you mean filters?" in done.stderr
