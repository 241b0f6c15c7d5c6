"""Drift under corruption: what is measured is what the models answer, and it comes out whole."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.validation.paired_stats import mean_interval
from edgeemo.optimize.validation.robustness import CONDITIONS, Robustness, measure_robustness
from edgeemo.train.datasets.corruption import corrupted
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.formats.synthetic import synthetic_dataset
from edgeemo.train.datasets.registry import read_dataset

from ...tools.command import run as edgeemo


class Threshold:
    """Calls an image the second class where its mean gray is above a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.card = ModelCard(f"above {limit:g}", ("a", "b"), InputSpec(48, 48))

    def predict(self, batch: np.ndarray) -> np.ndarray:
        bright = batch.mean(axis=(1, 2, 3)) > self.limit
        return np.stack([~bright, bright], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def found() -> Robustness:
    drawn = synthetic_dataset(train=0, test=28, size=48)
    two = drawn.where(lambda sample: sample.label < 2)
    return measure_robustness(
        Threshold(100), Threshold(110), Dataset("two", ("a", "b"), two.samples, two.images), progress=lambda item: None
    )


def test_all_conditions_are_there(found: Robustness) -> None:
    assert [(item.kind, item.severity) for item in found.conditions] == list(CONDITIONS)
    assert len(CONDITIONS) == 36


def test_darkness_darkens_for_both_and_rotation_does_not(found: Robustness) -> None:
    targets_of_a = found.of("dark")[-1]
    # In the dark nothing is above either limit, so that both call everything "a".
    assert targets_of_a.reference == targets_of_a.candidate
    assert targets_of_a.agreement == 1.0
    assert found.of("rotation")[0].agreement >= 0.75


def test_the_mean_difference_is_that_of_the_corruptions_alone(found: Robustness) -> None:
    points = [100 * (item.candidate.value - item.reference.value) for item in found.conditions if item.severity]
    assert found.difference == pytest.approx(np.mean(points))
    assert found.interval[0] <= found.difference <= found.interval[1]


def test_table_and_rows_have_every_kind(found: Robustness) -> None:
    assert len(found.rows()) == 37
    for kind in ("clean", "dark", "bright", "blur", "noise", "jpeg", "low resolution", "rotation"):
        assert f"\n{kind} " in found.table()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_interval_of_the_mean_is_the_bootstrap_s(seed: int) -> None:
    changes = np.random.default_rng(seed).choice([-1.0, -0.2, 0.0, 0.1, 1.0], 2000, p=[0.02, 0.2, 0.5, 0.26, 0.02])
    theirs = stats.bootstrap((100 * changes,), np.mean, method="percentile", n_resamples=2000, rng=1, batch=100)
    assert mean_interval(changes) == pytest.approx(tuple(theirs.confidence_interval), abs=0.1)


def test_one_image_bounds_nothing() -> None:
    assert mean_interval(np.array([0.2])) == (-100.0, 100.0)


def test_the_command_writes_table_json_and_plots(
    tiny_float: Path, tiny_int8: Path, measured_zip: Path, tmp_path: Path
) -> None:
    words = ["validate", tiny_float, tiny_int8, "--data", measured_zip, "--max-drop", 100, "--limit", 14]
    words += ["--corruptions", tmp_path / "new", "--json"]
    result = edgeemo(*words)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "new/corruptions.json").read_text())
    assert (figures["reference"], figures["candidate"], figures["n"]) == ("tiny_float", "tiny_int8", 14)
    with open(tmp_path / "new/corruptions.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["corruption"], int(row["severity"])) for row in rows] == list(CONDITIONS)
    for name in ("corruptions.png", "severities.png"):
        with Image.open(tmp_path / "new" / name) as image:
            assert image.width > 500
    # In a pipe, one plain line for each condition.
    assert len(result.stderr.splitlines()) == 36
    printed = json.loads(result.stdout)["corruptions"]
    assert {name: figures[name] for name in printed} == printed


def test_a_condition_is_what_the_models_say_of_those_images(tiny_float: Path, tiny_int8: Path) -> None:
    dataset = read_dataset("synthetic:train=0,test=28").split("test")
    one, two = Classifier.open(tiny_float), Classifier.open(tiny_int8)
    found = measure_robustness(one, two, dataset, progress=lambda item: None)
    pixels = corrupted(dataset, "noise", 2).pixels(one.card.input)
    right = [(model.predict(pixels).argmax(axis=1) == dataset.targets).sum() for model in (one, two)]
    noise = found.of("noise")[1]
    assert [noise.reference.correct, noise.candidate.correct] == right


def test_a_folder_with_contents_is_refused_before_anything_is_measured(
    tiny_int8: Path, measured_zip: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    words = ["validate", tiny_int8, tiny_int8, "--data", measured_zip, "--corruptions", tmp_path]
    result = edgeemo(*words)
    assert result.exit_code == 1
    assert "is not empty" in result.stderr
    assert result.stdout == ""
