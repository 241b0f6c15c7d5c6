"""Learning from trained networks: what is asked, what is kept, what becomes of it in the targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.card import ModelCard
from edgeemo.edge.errors import EdgeemoError
from edgeemo.edge.preprocess import InputSpec
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.reader import read_dataset
from edgeemo.train.run import Run
from edgeemo.train.sections import Loss
from edgeemo.train.teaching import Teaching, taught, teach


@dataclass(frozen=True)
class LeftHalf:
    """Sees how bright the left half of a picture is, and says its first class accordingly."""

    card: ModelCard

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 (n, height, width, channels) -> float32 (n, labels)."""
        width = batch.shape[2] // 2
        bright = batch[:, :, :width].mean(axis=(1, 2, 3)) / 255
        rest = np.repeat((1 - bright)[:, None] / (len(self.card.labels) - 1), len(self.card.labels) - 1, axis=1)
        return np.concatenate([bright[:, None], rest], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return read_dataset("synthetic:train=12,test=0,size=24")


def teacher(labels: tuple[str, ...], side: int = 24) -> LeftHalf:
    return LeftHalf(ModelCard(name="half", labels=labels, input=InputSpec(side, side)))


def test_a_picture_and_its_mirror_image_are_asked_about(faces: Dataset) -> None:
    pixels = faces.pixels(InputSpec(24, 24))
    told = teach([teacher(faces.labels)], faces).probabilities[:, 0]
    assert told == pytest.approx(pixels.mean(axis=(1, 2, 3)) / 255, abs=1e-6)
    once = teach([teacher(faces.labels)], faces, mirrored=False).probabilities[:, 0]
    assert once == pytest.approx(pixels[:, :, :12].mean(axis=(1, 2, 3)) / 255, abs=1e-6)


def test_teachers_are_averaged_in_the_data_s_order_of_classes(faces: Dataset) -> None:
    turned = (*faces.labels[1:], faces.labels[0])
    one, other = (teach([teacher(labels)], faces).probabilities for labels in (faces.labels, turned))
    both = teach([teacher(faces.labels), teacher(turned, side=48)], faces)
    assert both.labels == faces.labels
    assert both.probabilities == pytest.approx((one + other) / 2, abs=0.01)
    assert both.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_copies_are_asked_about_once_and_found_again(faces: Dataset, tmp_path: Path) -> None:
    twice = faces.take([*range(12), 3])
    told = teach([teacher(faces.labels)], twice)
    assert len(told.digests) == 12
    told.write(tmp_path / "teacher.npz")
    read = Teaching.read(tmp_path / "teacher.npz")
    assert read.probabilities == pytest.approx(told.probabilities, abs=1e-3)
    targets = read.targets(twice, weight=1.0, temperature=1.0)
    assert np.array_equal(targets[3], targets[12])


@pytest.mark.parametrize(("weight", "temperature"), [(0.0, 1.0), (0.7, 1.0), (1.0, 3.0)])
def test_targets_by_hand(faces: Dataset, weight: float, temperature: float) -> None:
    logits = np.random.default_rng(0).normal(size=(12, 7)).astype(np.float32)

    def softmax(values: Any) -> Any:
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)

    # In another order of pictures and of classes than the data's.
    columns = [2, 0, 1, 6, 5, 4, 3]
    labels = tuple(faces.labels[column] for column in columns)
    digests = tuple(sample.digest for sample in reversed(faces.samples))
    found = Teaching(labels, digests, softmax(logits)[::-1][:, columns]).targets(
        faces, weight=weight, temperature=temperature
    )
    expected = weight * softmax(logits / temperature) + (1 - weight) * np.eye(7)[faces.targets]
    assert found == pytest.approx(expected, abs=1e-5)


def test_soft_targets_keep_their_share(faces: Dataset) -> None:
    even = replace(faces, soft=np.full((12, 7), 1 / 7, np.float32))
    told = teach([teacher(faces.labels)], faces)
    found = told.targets(even, weight=0.5, temperature=1.0)
    assert found == pytest.approx((told.probabilities + 1 / 7) / 2, abs=1e-5)


def test_what_a_teacher_does_not_know_is_named(faces: Dataset, tmp_path: Path) -> None:
    few = teach([teacher(faces.labels)], faces.take(range(9)))
    with pytest.raises(EdgeemoError, match="was not shown 3 of 12 training pictures; make its file anew"):
        few.targets(faces, weight=1.0, temperature=1.0)
    others = tuple(f"class {index}" for index in range(7))
    with pytest.raises(EdgeemoError, match=r"tells other classes apart, expected angry, .* got class 0"):
        Teaching(others, few.digests, few.probabilities).targets(faces, weight=1.0, temperature=1.0)
    with pytest.raises(EdgeemoError, match="half cannot teach these pictures"):
        teach([teacher(others)], faces)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (None, "is not a teacher's file"),
        ({"labels": ["a", "b"]}, "is not a teacher's file"),
        ({"labels": ["a", "b"], "digests": ["x"], "probabilities": [[1.0]]}, "expected probabilities of 1 pictures"),
        ({"labels": ["a", "b"], "digests": ["x"], "probabilities": [[3.0, -2.0]]}, "write a softmax, not its logits"),
        ({"labels": ["a", "b"], "digests": ["x"], "probabilities": [[np.nan, 1.0]]}, "does not hold probabilities"),
    ],
    ids=["no npz", "not all", "other shape", "logits", "not a number"],
)
def test_a_broken_file_is_one_sentence(arrays: dict[str, Any] | None, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "teacher.npz"
    if arrays is None:
        path.write_bytes(b"PK\x03\x04 nothing")
    else:
        np.savez(path, **arrays)
    with pytest.raises(EdgeemoError, match=sentence):
        Teaching.read(path)


def test_weight_and_file_belong_together(faces: Dataset, tmp_path: Path) -> None:
    assert taught(Loss(), "", faces) == (faces, {})
    with pytest.raises(EdgeemoError, match=r"--set loss\.teacher=0\.7"):
        taught(Loss(), "teacher.npz", faces)
    with pytest.raises(EdgeemoError, match="there is none; give --teacher FILE"):
        taught(Loss(teacher=0.5), "", faces)
    with pytest.raises(EdgeemoError, match=r"absent\.npz is not there"):
        taught(Loss(teacher=0.5), str(tmp_path / "absent.npz"), faces)


def test_a_student_learns_from_a_run_and_notes_its_file(trained_run: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "teacher.npz", tmp_path / "student"
    settings = Run(trained_run).settings
    told = CliRunner().invoke(edgeemo, ["teach", str(trained_run), "--data", settings.data, "--out", str(file)])
    assert told.exit_code == 0, told.output
    assert "1 teacher on" in told.output
    again = CliRunner().invoke(edgeemo, ["teach", str(trained_run), "--data", settings.data, "--out", str(file)])
    assert (again.exit_code, "already there" in again.output or "--force" in again.output) == (1, True)
    words = ["train", str(trained_run / "recipe.toml"), "--data", settings.data, "--epochs", "1", "--limit", "200"]
    words += ["--out", str(out), "--teacher", str(file), "--set", "loss.teacher=0.5"]
    learned = CliRunner().invoke(edgeemo, words)
    assert learned.exit_code == 0, learned.output
    assert "teacher" in (out / "data.json").read_text()
    assert Run(out).settings.teacher == str(file)
