"""A third-party model in a benchmark: the card beside it is enough, and its notes stand with the figures."""

from __future__ import annotations

from pathlib import Path

from edgeemo.benchmarks.record import read_records
from edgeemo.edge.common.files import sha256_file
from edgeemo.edge.tflite.container import split_model

from ...tools import command
from ..samples import run

LABELS = "angry,disgust,fear,happy,sad,surprise,neutral"


def test_a_model_of_others_is_measured_on_the_images_that_are_left(tiny_float: Path, tmp_path: Path) -> None:
    model = tmp_path / "theirs.tflite"
    model.write_bytes(split_model(tiny_float.read_bytes())[0])
    words = ["--labels", LABELS, "--normalization", "unit", "--notes", "chosen on PublicTest"]
    assert command.run("models", "card", model, *words).exit_code == 0
    listed = tmp_path / "leaks.csv"
    listed.write_text("key\ntest face 1\ntest face 4\nelsewhere\n")
    options = ["--data", "synthetic:train=1,test=21", "--exclude", str(listed), "--queries", "12"]
    result = run(model, *options, "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    (record,) = read_records(tmp_path / "report" / "records.jsonl")
    assert record.sha256 == sha256_file(model)
    assert record.accuracy is not None
    assert (record.accuracy.n, record.accuracy.dataset) == (19, "synthetic without 2 of leaks.csv")
    assert "theirs: chosen on PublicTest" in result.output
