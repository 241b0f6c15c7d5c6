"""The base install alone: what a device has. Run by `make test-base`; skipped where TensorFlow is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import COMMANDS, edgeemo
from edgeemo.edge.common.files import write_bytes
from edgeemo.edge.vision.image import decode
from edgeemo.train.datasets.synthetic import EMOTIONS, camera_clip

MODEL = Path(__file__).parent / "models" / "tiny_int8.tflite"
ABSENT = ("tensorflow", "tf_keras", "sklearn", "matplotlib")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed here: run make test-base"
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    import cv2

    frame = next(iter(camera_clip(1, seed=2)))[0]
    path = tmp_path / "photo.png"
    write_bytes(path, cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes())
    assert np.array_equal(decode(path.read_bytes(), "photo"), frame)
    return path


@pytest.mark.parametrize("module", ABSENT)
def test_the_base_install_leaves_it_out(module: str) -> None:
    assert importlib.util.find_spec(module) is None


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_the_base_install_only(command: str) -> None:
    result = CliRunner().invoke(edgeemo, [command, "--help"])
    assert (result.exit_code, result.output[:6]) == (0, "Usage:")


def test_a_face_is_found_and_classified(photo: Path) -> None:
    result = CliRunner().invoke(edgeemo, ["predict", str(MODEL), str(photo), "--json"])
    assert result.exit_code == 0, result.output
    (face,) = json.loads(result.output)["images"][0]["faces"]
    assert face["label"] in EMOTIONS


def test_a_pack_is_evaluated(tmp_path: Path) -> None:
    pack, run = tmp_path / "faces.zip", CliRunner().invoke
    result = run(edgeemo, ["data", "pack", "synthetic:train=7,test=70", "--limit", "35", "--out", str(pack)])
    assert result.exit_code == 0, result.output
    result = run(edgeemo, ["evaluate", str(MODEL), "--data", str(pack), "--json"])
    assert result.exit_code == 0, result.output
    figure = json.loads(result.stdout)
    assert figure["n"] == 35
    assert figure["ci95"][0] < figure["accuracy"] < figure["ci95"][1]
    text = run(edgeemo, ["evaluate", str(MODEL), "--data", str(pack)])
    assert f"accuracy {figure['accuracy']:.2%} [" in text.stdout
    assert "35 of 70 images" in text.stderr
    assert "edgeemo[evaluate]" in text.stderr


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["train", "demo", "--data", "synthetic:train=20,test=7", "--out", "run"], "train"),
        (["evaluate", str(MODEL), "--data", "synthetic:train=7,test=7", "--out", "page"], "evaluate"),
        (["validate", str(MODEL), str(MODEL), "--data", "synthetic:train=7,test=7"], "evaluate"),
        (["demo", "--out", "demo"], "train"),
        (["inspect", "fer-cnn3"], "train"),
        (["quantize", str(MODEL), "--data", "synthetic:train=7,test=7", "--out", "int8.tflite"], "train"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_what_needs_more_says_what_to_install(
    arguments: list[str], package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(edgeemo, arguments)
    assert result.exit_code == 1
    assert f"install it with: pip install 'edgeemo[{package}]'" in result.output


def test_results_of_a_model_need_the_base_install_alone() -> None:
    result = CliRunner().invoke(edgeemo, ["results", str(MODEL)])
    assert result.exit_code == 0, result.output
    assert "| `tests/models/make_tiny.py` |" in result.output
