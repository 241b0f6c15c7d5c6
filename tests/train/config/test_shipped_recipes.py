"""Everything a recipe can ask for, all at once: every shipped recipe trains, and a killed run ends the same."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.train.config.recipe import Recipe, load_recipe, recipe_names
from edgeemo.train.datasets.selection import Choice
from edgeemo.train.fit.loop import train
from edgeemo.train.fit.run import Run, Settings
from edgeemo.train.fit.schedule import best_epoch
from edgeemo.train.network.model import build_training_model, load_model

Points = Callable[[Path], dict[str, list[tuple[int, float]]]]

SMALL = ["input.height=24", "input.width=24", "data.validation=0.2"]
ALL_ON = ["loss.focal_gamma=1.0", "loss.label_smoothing=0.1", "loss.class_weights=sqrt", "loss.ferplus_head=0.4"]
ALL_ON += ["augmentation.mixup=0.2", "augmentation.cutmix=1.0", "augmentation.erase=0.3", "optimizer.ema=0.9"]
ALL_ON += ["schedule.kind=cosine", "schedule.warmup=0.5", "schedule.epochs=1", "schedule.batch=16"]

_RESIDUAL = ["architecture.stem=[4,4]", "architecture.widths=[4]", "architecture.strides=[1]"]
#: Recipe -> the same network, narrower, and without a teacher.
NARROW = {
    "demo": _RESIDUAL,
    "edge-res": _RESIDUAL,
    **{f"edgeemo-{size}": [*_RESIDUAL, "loss.teacher=0.0"] for size in ("nano", "base", "large")},
    "fer-cnn3": ["architecture.filters=[4,4,4]", "architecture.dense=[8,8]"],
    "fer-cnn38": ["architecture.filters=[4,4,4]", "architecture.dense=[8,8]"],
    "happy-sad": ["architecture.filters=[4,4,4]", "architecture.dense=8"],
    "kdef-binary": ["architecture.filters=[4,4,4]", "architecture.dense=[8,8]"],
    "linear": [],
    "densenet169-fer": ["architecture.weights=none", "architecture.dense=8", "input.height=32", "input.width=32"],
}


def settings(fer: tuple[Path, Path], **others: object) -> Settings:
    choice = Choice(ferplus=str(fer[1]), ferplus_mode="head", classes=str(others.pop("classes", "")))
    return Settings(str(fer[0]), choice=choice, seed=4, **others)  # type: ignore[arg-type]


#: One of ours and the demo's are enough for every day. The deeper ones take longer than all others together, and
#: DenseNet169 minutes alone.
FAST = ("demo", "edgeemo-base")
GIANT = ("densenet169-fer",)


def marked(name: str) -> Any:
    marks = [] if name in FAST else [pytest.mark.slow]
    return pytest.param(name, marks=[*marks, pytest.mark.giant] if name in GIANT else marks)


@pytest.mark.parametrize("name", [marked(name) for name in recipe_names()])
def test_every_recipe_trains_with_everything_on(fer_with_votes: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name, [*SMALL, *NARROW[name], *ALL_ON])
    binary = recipe.task == "binary"
    # Two steps of 16, from the images of two classes or of seven.
    chosen = settings(fer_with_votes, limit=32, classes="happy,sad" if binary else "")
    run = Run.create(tmp_path, recipe, chosen)
    train(run, chosen.training_data(recipe), quiet=True)
    (row,) = run.history
    assert np.isfinite([row["loss"], row["val_loss"]]).all()
    assert row["learning_rate"] > 0
    assert run.checkpoints.load(1).averages
    model = load_model(run.model_path, compile=False)
    assert model.output_names == ["emotion"]
    assert model.output_shape == (None, 1 if binary else 7)
    assert not [weight.name for weight in model.weights if "votes" in weight.name]


def trained(folder: Path, recipe: Recipe, chosen: Settings, *, tensorboard: bool = False) -> Run:
    """Train in ``folder/run``, or continue there; the run as a kill after epoch 2 leaves it is kept in ``after-2``."""
    run = Run(folder / "run")
    if not run.folder.exists():
        run.folder.mkdir()
        Run.create(run.folder, recipe, chosen)

    class Watched(Run):
        def write_history(self, history: list[dict[str, float]]) -> None:
            super().write_history(history)
            shutil.copytree(self.folder, folder / f"after-{len(history)}")

    train(Watched(run.folder), chosen.training_data(recipe), quiet=True, tensorboard=tensorboard)
    return run


#: Three epochs in two phases; without dropout, whose masks a resumed run does not draw again.
LONG = [*SMALL, *NARROW["demo"], *ALL_ON, "schedule.batch=28", "architecture.dropout=0.0"]
LONG += ["phase=[{epochs=2, learning_rate=0.02}, {epochs=1, learning_rate=0.01}]"]


@pytest.fixture(scope="module")
def finished(fer_with_votes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, chosen = tmp_path_factory.mktemp("whole"), settings(fer_with_votes, limit=84)
    return trained(folder, load_recipe("demo", LONG), chosen, tensorboard=True)


@pytest.mark.parametrize("epochs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_run_ends_where_an_uninterrupted_one_does(
    finished: Run, tmp_path: Path, event_points: Points, epochs: int
) -> None:
    shutil.copytree(finished.folder.parent / f"after-{epochs}", tmp_path / "run")
    assert len(Run.open(tmp_path / "run").history) == epochs
    resumed = trained(tmp_path, finished.recipe, finished.settings)
    for key in ("epoch", "phase", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        found, expected = ([row[key] for row in run.history] for run in (resumed, finished))
        assert found == pytest.approx(expected, rel=1e-3, abs=0.005), key
    found, expected = (load_model(run.model_path, compile=False).get_weights() for run in (resumed, finished))
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    # What was written before the kill is continued, though nobody asked for it again.
    steps = [step for step, _ in event_points(resumed.folder / "tensorboard")["validation/epoch_loss"]]
    assert steps == [1, 2, 3]


def test_the_finished_model_has_the_averages(finished: Run) -> None:
    best = best_epoch(finished.history, "val_accuracy") + 1
    state = finished.checkpoints.load(best)
    raw = build_training_model(finished.recipe, 7)
    for variable, value in zip(raw.weights, state.variables, strict=True):
        variable.assign(value)
    model = load_model(finished.model_path, compile=False)
    places = {weight.name: place for place, weight in enumerate(raw.weights)}
    for weight in model.trainable_variables:
        assert np.array_equal(weight.numpy(), state.averages[places[weight.name]])
    assert not np.array_equal(model.get_layer("emotion").get_weights()[0], raw.get_layer("emotion").get_weights()[0])


def test_the_figure_on_the_card_is_that_of_the_averages(finished: Run) -> None:
    figure = finished.card.metrics["float32 validation"]
    best = finished.history[int(figure["epoch"]) - 1]
    assert figure["accuracy"] == pytest.approx(best["val_accuracy"], abs=1e-4)


def test_other_votes_are_refused_on_resume(finished: Run, fer_with_votes: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    table = tmp_path / "fer2013new.csv"
    table.write_text(fer_with_votes[1].read_text().replace(",7,", ",6,"))
    chosen = dataclasses.replace(finished.settings, choice=Choice(ferplus=str(table), ferplus_mode="head"))
    (tmp_path / "run" / "run.json").write_text(json.dumps(dataclasses.asdict(chosen)))
    result = invoke("train", "--resume", tmp_path / "run")
    assert result.exit_code == 1
    assert "is not the data with which" in result.output


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(edgeemo, [str(word) for word in words])


@pytest.fixture(scope="module")
def short(fer_with_votes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A short run as it is asked for on the command line."""
    folder = tmp_path_factory.mktemp("short") / "run"
    sets = [word for override in (*SMALL, *NARROW["demo"]) for word in ("--set", override)]
    words = ("--epochs", "2", "--limit", "35", "--tensorboard", "--strategy", "mirrored", "--seed", "3")
    return folder, invoke("train", "demo", "--data", fer_with_votes[0], "--out", folder, *words, *sets)


def test_a_short_run_is_short(short: tuple[Path, Result]) -> None:
    folder, result = short
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("training on 35 images, validating on 28\n")
    assert [row["epoch"] for row in Run.open(folder).history] == [1, 2]
    # The demo warms up for one of its eight epochs.
    schedule = Run.open(folder).recipe.schedule
    assert (schedule.epochs, schedule.warmup) == (2, 0.25)


def test_the_limit_is_stratified_and_found_again(short: tuple[Path, Result]) -> None:
    run = Run.open(short[0])
    assert run.settings.limit == 35
    data = run.settings.training_data(run.recipe)
    assert set(data.train.counts["train"].values()) == {5}
    assert data.hashes == json.loads((run.folder / "data.json").read_text())
    # What is selected on does not depend on the limit.
    whole = dataclasses.replace(run.settings, limit=0).training_data(run.recipe)
    assert whole.validation.content_hash == data.validation.content_hash
    assert len(whole.train) == 112


def test_quantizing_a_short_run_finds_the_same_images(short: tuple[Path, Result], tmp_path: Path) -> None:
    result = invoke("quantize", short[0], "--method", "float32", "--out", tmp_path / "model.tflite")
    assert result.exit_code == 0, result.output


def test_event_files_are_written(short: tuple[Path, Result], event_points: Points) -> None:
    found = event_points(short[0] / "tensorboard")
    losses = [(int(row["epoch"]), pytest.approx(row["loss"], rel=1e-5)) for row in Run.open(short[0]).history]
    assert found["train/epoch_loss"] == losses


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--resume", "run", "--epochs", "3"), 2, "--resume takes everything from the run"),
        (("--resume", "run", "--limit", "3"), 2, "--resume takes everything from the run"),
        (("demo", "--data", "synthetic", "--out", "run", "--limit", "0"), 2, "'--limit': 0 is not in the range x>=1"),
        (("demo", "--data", "synthetic", "--out", "run", "--epochs", "0"), 2, "'--epochs': 0 is not in the range x>=1"),
        (("demo", "--data", "synthetic", "--out", "run", "--strategy", "tpu"), 2, "'tpu' is not one of 'none'"),
        (
            ("demo", "--data", "synthetic:train=70,test=0", "--out", "run", "--set", "loss.ferplus_head=0.4"),
            1,
            "there are no votes for it",
        ),
        (("demo", "--data", "synthetic", "--out", "run", "--strategy", "multiworker"), 2, "needs TF_CONFIG"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    result = invoke("train", *words)
    assert result.exit_code == code, result.output
    assert sentence in result.output
    assert not list(tmp_path.iterdir())
