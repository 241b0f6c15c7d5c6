"""Learning from trained networks: what is asked, what is kept, what becomes of it in the targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.config.recipe import Recipe, load_recipe
from edgeemo.train.config.sections import Augmentation, Loss
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.distillation.soft_targets import DistillationTargets, SoftTargets, load_targets
from edgeemo.train.distillation.teachers import ViewOptions, query_teachers
from edgeemo.train.fit.run import Run
from edgeemo.train.inputs.batches import Batches, BatchOptions

from ...conftest import raises


@dataclass(frozen=True)
class LeftHalf:
    """Sees how bright the left half of an image is, and says its first class accordingly."""

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


def recipe(loss: Loss, **changes: Any) -> Recipe:
    return replace(load_recipe("edge-res"), loss=loss, **changes)


def test_an_image_and_its_mirror_image_are_asked_about(faces: Dataset) -> None:
    pixels = faces.pixels(InputSpec(24, 24))
    told = query_teachers([teacher(faces.labels)], faces).probabilities[:, 0]
    assert told == pytest.approx(pixels.mean(axis=(1, 2, 3)) / 255, abs=1e-6)
    once = query_teachers([teacher(faces.labels)], faces, mirrored=False).probabilities[:, 0]
    assert once == pytest.approx(pixels[:, :, :12].mean(axis=(1, 2, 3)) / 255, abs=1e-6)


def test_teachers_are_averaged_in_the_data_s_order_of_classes(faces: Dataset) -> None:
    turned = (*faces.labels[1:], faces.labels[0])
    one, other = (query_teachers([teacher(labels)], faces).probabilities for labels in (faces.labels, turned))
    both = query_teachers([teacher(faces.labels), teacher(turned, side=48)], faces)
    assert both.labels == faces.labels
    assert both.probabilities == pytest.approx((one + other) / 2, abs=0.01)
    assert both.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_copies_are_asked_about_once_and_found_again(faces: Dataset, tmp_path: Path) -> None:
    twice = faces.take([*range(12), 3])
    told = query_teachers([teacher(faces.labels)], twice)
    assert len(told.digests) == 12
    told.write(tmp_path / "teacher.npz")
    read = SoftTargets.read(tmp_path / "teacher.npz")
    assert read.probabilities == pytest.approx(told.probabilities, abs=1e-3)
    targets = read.targets(twice, weight=1.0, temperature=1.0)
    assert np.array_equal(targets[3], targets[12])


@pytest.mark.parametrize("views", [0, 2], ids=["images", "views"])
def test_a_teacher_joins_those_of_before_with_the_same_weight(faces: Dataset, tmp_path: Path, views: int) -> None:
    turned = (*faces.labels[1:], faces.labels[0])
    three = [teacher(faces.labels), teacher(turned), teacher((*faces.labels[2:], *faces.labels[:2]))]
    shown = {"views": asked_views(count=views)} if views else {}
    together = query_teachers(three, faces, **shown)
    query_teachers(three[:2], faces, **shown).write(tmp_path / "two.npz")
    joined = query_teachers(three[2:], faces, previous=[SoftTargets.read(tmp_path / "two.npz")], **shown)
    # The file is in half precision.
    assert joined.probabilities == pytest.approx(together.probabilities, abs=1e-3)
    assert (joined.teachers, together.teachers) == (3, 3)
    joined.write(tmp_path / "three.npz")
    assert SoftTargets.read(tmp_path / "three.npz").teachers == 3


def test_a_file_that_does_not_say_of_how_many_is_of_one(faces: Dataset, tmp_path: Path) -> None:
    query_teachers([teacher(faces.labels)] * 2, faces).write(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as arrays:
        kept = dict(arrays)
    assert kept.pop("teachers") == 2
    np.savez(tmp_path / "old.npz", **kept)
    assert SoftTargets.read(tmp_path / "old.npz").teachers == 1
    np.savez(tmp_path / "old.npz", **kept, teachers=0)
    with raises(
        EdgeemoError, problem=r"old\.npz is damaged$", expected="^the answers of one teacher or more", got="^0"
    ):
        SoftTargets.read(tmp_path / "old.npz")


@pytest.mark.parametrize(
    ("asked", "before", "sentence"),
    [
        ({}, {"count": 2}, "expected the images as they are, got views of them"),
        ({"count": 2}, {}, "expected views of them, got the images as they are"),
        ({"count": 2}, {"count": 3}, "expected count 2, got count 3; ask with their --student"),
        ({"count": 2}, {"count": 2, "seed": 1}, "expected seed 0, got seed 1"),
        ({"count": 2}, {"count": 2, "mixup": 0.5}, r"expected mixup 0\.0, got mixup 0\.5"),
        ({"count": 2}, {"count": 2, "order": -1}, "expected the images in this order, got in another"),
        ({"count": 2}, {"count": 2, "order": slice(3, None)}, "did not see 3 of 12 training images"),
    ],
    ids=["as they are", "views", "count", "seed", "mixup", "order", "fewer"],
)
def test_teachers_that_were_asked_something_else_do_not_join(
    faces: Dataset, asked: dict[str, Any], before: dict[str, Any], sentence: str
) -> None:
    order = before.pop("order", slice(None))
    shown = faces.take(range(12)[::order] if isinstance(order, int) else range(12)[order])
    previous = [query_teachers([teacher(faces.labels)], shown, views=asked_views(**before) if before else None)]
    with pytest.raises(EdgeemoError, match=sentence):
        query_teachers([teacher(faces.labels)], faces, previous=previous, views=asked_views(**asked) if asked else None)


@pytest.mark.parametrize(("weight", "temperature"), [(0.0, 1.0), (0.7, 1.0), (1.0, 3.0)])
def test_targets_by_hand(faces: Dataset, weight: float, temperature: float) -> None:
    logits = np.random.default_rng(0).normal(size=(12, 7)).astype(np.float32)

    def softmax(values: Any) -> Any:
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)

    # In another order of images and of classes than the data's.
    columns = [2, 0, 1, 6, 5, 4, 3]
    labels = tuple(faces.labels[column] for column in columns)
    digests = tuple(sample.digest for sample in reversed(faces.samples))
    found = SoftTargets(labels, digests, softmax(logits)[::-1][:, columns]).targets(
        faces, weight=weight, temperature=temperature
    )
    expected = weight * softmax(logits / temperature) + (1 - weight) * np.eye(7)[faces.targets]
    assert found == pytest.approx(expected, abs=1e-5)


def test_soft_targets_keep_their_share(faces: Dataset) -> None:
    even = replace(faces, soft=np.full((12, 7), 1 / 7, np.float32))
    told = query_teachers([teacher(faces.labels)], faces)
    found = told.targets(even, weight=0.5, temperature=1.0)
    assert found == pytest.approx((told.probabilities + 1 / 7) / 2, abs=1e-5)


def test_what_a_teacher_does_not_know_is_named(faces: Dataset, tmp_path: Path) -> None:
    few = query_teachers([teacher(faces.labels)], faces.take(range(9)))
    with raises(EdgeemoError, problem="did not see 3 of 12 training images$", hint="^make their file again"):
        few.targets(faces, weight=1.0, temperature=1.0)
    others = tuple(f"class {index}" for index in range(7))
    with raises(EdgeemoError, problem="have other classes$", expected="^angry, ", got="^class 0"):
        SoftTargets(others, few.digests, few.probabilities).targets(faces, weight=1.0, temperature=1.0)
    with raises(EdgeemoError, problem="half cannot be a teacher for these images"):
        query_teachers([teacher(others)], faces)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (None, "is not a file of soft targets"),
        ({"labels": ["a", "b"]}, "is not a file of soft targets"),
        ({"labels": ["a", "b"], "digests": ["x"], "probabilities": [[1.0]]}, "expected probabilities of 1 images"),
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
        SoftTargets.read(path)


def test_weight_and_file_belong_together(faces: Dataset, tmp_path: Path) -> None:
    assert load_targets(recipe(Loss()), "", faces) == DistillationTargets(faces)
    with raises(EdgeemoError, hint=r"--set loss\.teacher=0\.7"):
        load_targets(recipe(Loss()), "teacher.npz", faces)
    with raises(EdgeemoError, problem="there is none$", hint="^give --teacher FILE"):
        load_targets(recipe(Loss(teacher=0.5)), "", faces)
    with raises(EdgeemoError, problem=r"absent\.npz is not there"):
        load_targets(recipe(Loss(teacher=0.5)), str(tmp_path / "absent.npz"), faces)


def test_a_student_learns_from_a_run_and_notes_its_file(trained_run: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "teacher.npz", tmp_path / "student"
    settings = Run(trained_run).settings
    told = CliRunner().invoke(edgeemo, ["distill", str(trained_run), "--data", settings.data, "--out", str(file)])
    assert told.exit_code == 0, told.output
    assert "1 teacher on" in told.output
    again = CliRunner().invoke(edgeemo, ["distill", str(trained_run), "--data", settings.data, "--out", str(file)])
    assert (again.exit_code, "already there" in again.output or "--force" in again.output) == (1, True)
    words = ["train", str(trained_run / "recipe.toml"), "--data", settings.data, "--epochs", "1", "--limit", "200"]
    words += ["--out", str(out), "--teacher", str(file), "--set", "loss.teacher=0.5"]
    learned = CliRunner().invoke(edgeemo, words)
    assert learned.exit_code == 0, learned.output
    assert "teacher" in (out / "data.json").read_text()
    assert Run(out).settings.teacher == str(file)


CHANGES = Augmentation(rotation=10, shift=0.1, flip=True, contrast=0.3, erase=0.5)


def student(**changes: Any) -> Recipe:
    return recipe(Loss(teacher=1.0), **{"augmentation": CHANGES, "input": InputSpec(24, 24), **changes})


def asked_views(**options: Any) -> ViewOptions:
    return ViewOptions(student(), **options)


@pytest.mark.parametrize("mixup", [0.0, 0.7], ids=["single", "mixed"])
def test_a_student_sees_exactly_what_its_teacher_saw(faces: Dataset, tmp_path: Path, mixup: float) -> None:
    asked = asked_views(count=3, seed=5, mixup=mixup)
    query_teachers([teacher(faces.labels)], faces, mirrored=False, views=asked).write(tmp_path / "t.npz")
    # In another order, with a copy, and without some: the file goes by pixels.
    chosen = faces.take([7, 2, 9, 2, 0, 11])
    learned = load_targets(student(), str(tmp_path / "t.npz"), chosen)
    assert learned.views is not None
    assert learned.train is chosen
    batches = Batches(chosen, InputSpec(24, 24), 4, BatchOptions(augmentation=CHANGES, seed=1), views=learned.views)
    seen = []
    for epoch in range(4):
        inputs, targets = (np.concatenate(part) for part in list(zip(*batches.epoch(epoch), strict=True))[:2])
        # The teacher tells how bright the left half is, so its answer shows whether it saw the same image.
        assert targets[:, 0] == pytest.approx(inputs[:, :, :12].mean(axis=(1, 2, 3)), abs=2e-3)
        seen.append(sorted(image.tobytes() for image in inputs))
    assert seen[0] != seen[1]
    assert seen[3] == seen[0]


def test_a_mixed_image_is_of_two_changed_images_and_of_their_labels_and_votes(faces: Dataset, tmp_path: Path) -> None:
    query_teachers([teacher(faces.labels)], faces, views=asked_views(count=2, seed=3, mixup=1.0)).write(
        tmp_path / "t.npz"
    )
    chosen = faces.take([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11])
    learner = replace(student(), loss=Loss(teacher=0.25))
    learned = load_targets(learner, str(tmp_path / "t.npz"), chosen)
    assert learned.views is not None
    views, pixels = learned.views.views, faces.pixels(InputSpec(24, 24)).astype(float)
    votes = np.random.default_rng(0).dirichlet(np.ones(8), 11).astype(np.float32)
    batches = Batches(chosen, InputSpec(24, 24), 4, BatchOptions(seed=2), views=learned.views, votes=votes)
    shown = list(batches.epoch(1))
    inputs = np.concatenate([batch[0] for batch in shown])
    told, counted = (
        {name: np.concatenate([b[part][name] for b in shown]) for name in shown[0][part]} for part in (1, 2)
    )
    view = views.view(1)
    mixed = view.mixed
    assert mixed is not None
    changed = view.changes.apply(pixels.astype(np.uint8)).astype(float)
    rows = learned.views.rows
    where = {row: place for place, row in enumerate(rows)}
    ways = {}
    for row in rows:
        partner, share = mixed.partners[row], float(mixed.shares[row])
        if partner in where:
            image = np.rint(share * changed[row] + (1 - share) * changed[partner]) / 255
            both = [
                share * table[where[row]] + (1 - share) * table[where[partner]]
                for table in (np.eye(7)[chosen.targets], votes)
            ]
            ways[row] = image, *both
    # Image 7 is not the student's: what should be mixed with it gives its place to another.
    assert len(ways) in (10, 11)
    assert len(inputs) == 11
    taught_alone = SoftTargets.read(tmp_path / "t.npz").probabilities[1]
    for image, target, vote in zip(inputs, told["emotion"], told["votes"], strict=True):
        row = min(ways, key=lambda row: np.abs(ways[row][0] - image).max())
        assert ways[row][0] == pytest.approx(image, abs=1e-6)
        assert target == pytest.approx(0.25 * taught_alone[row] + 0.75 * ways[row][1], abs=1e-5)
        assert vote == pytest.approx(ways[row][2], abs=1e-5)
    assert all((weights == pytest.approx(1)) for weights in counted.values())


def test_mixing_with_images_that_the_student_does_not_have_are_refused(faces: Dataset, tmp_path: Path) -> None:
    query_teachers([teacher(faces.labels)], faces, views=asked_views(count=2, mixup=1.0)).write(tmp_path / "t.npz")
    with raises(EdgeemoError, expected="^most of the teachers' 12 images$", got="^1", hint="^train on all of them"):
        load_targets(student(), str(tmp_path / "t.npz"), faces.take([0]))


def test_views_soften_and_mix_with_labels_as_single_answers_do(faces: Dataset) -> None:
    told = query_teachers([teacher(faces.labels)], faces, views=asked_views(count=2))
    found = told.targets(faces, weight=0.6, temperature=2.0)
    for view in range(2):
        alone = SoftTargets(told.labels, told.digests, told.probabilities[view])
        assert np.array_equal(found[view], alone.targets(faces, weight=0.6, temperature=2.0))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"augmentation": replace(CHANGES, erase=0.2)},
            "other views .* expected augmentation.erase 0.5, got augmentation.erase 0.2; make it for this",
        ),
        ({"input": InputSpec(48, 48)}, "expected height 24, width 24, got height 48, width 48"),
    ],
    ids=["changes", "size"],
)
def test_a_student_that_would_see_other_views_is_refused(
    changes: dict[str, Any], sentence: str, faces: Dataset, tmp_path: Path
) -> None:
    query_teachers([teacher(faces.labels)], faces, views=asked_views(count=2)).write(tmp_path / "t.npz")
    with pytest.raises(EdgeemoError, match=sentence):
        load_targets(student(**changes), str(tmp_path / "t.npz"), faces)
    # What is mixed with what is the student's own affair.
    mixed = student(augmentation=replace(CHANGES, mixup=0.2))
    assert load_targets(mixed, str(tmp_path / "t.npz"), faces).views is not None


def test_views_are_of_the_student_s_size(faces: Dataset) -> None:
    with raises(EdgeemoError, expected="^an input of 24x24x1, as the student's", got="^48x48x1"):
        query_teachers([teacher(faces.labels, side=48)], faces, views=asked_views(count=2))


def test_a_file_with_fewer_views_than_it_says_is_damaged(faces: Dataset, tmp_path: Path) -> None:
    told = query_teachers([teacher(faces.labels)], faces, views=asked_views(count=2))
    replace(told, probabilities=told.probabilities[:1]).write(tmp_path / "t.npz")
    with raises(EdgeemoError, expected="12 images and 7 classes in 2 views$", got="^1 x 12 x 7"):
        SoftTargets.read(tmp_path / "t.npz")


@pytest.mark.slow
def test_views_from_the_command_line(trained_run: Path, tmp_path: Path) -> None:
    file, out, data = tmp_path / "soft-targets.npz", tmp_path / "student", Run(trained_run).settings.data
    words = ["distill", str(trained_run), "--data", data, "--student", str(trained_run / "recipe.toml"), "--views", "2"]
    told = CliRunner().invoke(edgeemo, [*words, "--set", "augmentation.rotation=8.0", "--out", str(file)])
    assert told.exit_code == 0, told.output
    assert "in 2 views" in told.output
    more = [*words, "--set", "augmentation.rotation=8.0", "--with", str(file), "--out", str(tmp_path / "two.npz")]
    joined = CliRunner().invoke(edgeemo, more)
    assert joined.exit_code == 0, joined.output
    assert "2 teachers on" in joined.output
    words = ["train", str(trained_run / "recipe.toml"), "--data", data, "--epochs", "1", "--limit", "200"]
    words += ["--out", str(out), "--teacher", str(file), "--set", "loss.teacher=0.5"]
    refused = CliRunner().invoke(edgeemo, words)
    assert (refused.exit_code, "augmentation.rotation 8.0" in refused.output, out.exists()) == (1, True, False)
    learned = CliRunner().invoke(edgeemo, [*words, "--set", "augmentation.rotation=8.0"])
    assert learned.exit_code == 0, learned.output
    for alone in ("--set", "a=1"), ("--mixup", "0.5"):
        lost = CliRunner().invoke(edgeemo, ["distill", str(trained_run), "--data", data, *alone, "--out", "x.npz"])
        assert (lost.exit_code, "--student" in lost.output) == (2, True)


def test_whoever_was_interrupted_goes_on(faces: Dataset, tmp_path: Path) -> None:
    file, seen = tmp_path / "unfinished.npz", []
    views = asked_views(count=3)
    whole = query_teachers([teacher(faces.labels)], faces, views=views)

    def interrupted(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    def again(count: int = 3, **changes: Any) -> SoftTargets:
        seen.clear()
        ask = {"views": asked_views(count=count, **changes), "checkpoint": file}
        return query_teachers([teacher(faces.labels)], faces, progress=lambda done, of: seen.append(done), **ask)

    with pytest.raises(KeyboardInterrupt):
        query_teachers(
            [teacher(faces.labels)], faces, views=asked_views(count=3), checkpoint=file, progress=interrupted
        )
    kept = file.read_bytes()
    assert np.array_equal(again().probabilities, whole.probabilities)
    assert seen == [2]
    # Of other views, or not such a file at all: from the beginning.
    file.write_bytes(kept)
    again(seed=1)
    assert seen == [0, 1, 2]
    file.write_bytes(kept[:100])
    again()
    assert seen == [0, 1, 2]
