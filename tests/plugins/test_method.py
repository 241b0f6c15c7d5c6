"""Somebody else's quantization method, installed and used from the command line."""

from __future__ import annotations

from pathlib import Path

from edgeemo.edge.model.card import read_card

from .venv import edgeemo, plugin_venv

FILE = Path(__file__).with_name("toy_method.py")


def test_a_method_of_another_package_quantizes(tiny_float: Path, tmp_path: Path) -> None:
    python = plugin_venv(tmp_path, FILE, {"edgeemo.methods": {"toy": "toy_method:METHOD"}})
    assert "toy]" in edgeemo(python, "quantize", "--help").stdout.replace("\n", "").replace(" ", "")
    out = tmp_path / "made.tflite"
    done = edgeemo(python, "quantize", tiny_float, "--method", "toy", "--out", out)
    assert "toy, converted by toy 1.0" in done.stdout
    card = read_card(out)
    assert card is not None
    assert (card.quantization.method, card.quantization.engine) == ("toy", "toy 1.0")
    assert card.name.endswith("-toy")
    refused = edgeemo(python, "quantize", tiny_float, "--method", "toy", "--rounding", "gptq", check=False)
    assert refused.returncode == 2
    assert "toy does not look at faces" in refused.stderr
    edgeemo(python, "predict", "--help")
