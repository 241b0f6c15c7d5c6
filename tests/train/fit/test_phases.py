"""Trainings in phases: which one comes next, what it may change, and that a killed run ends the same."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.architectures import build
from edgeemo.train.checkpoint import Checkpoints
from edgeemo.train.config.recipe import EarlyStopping, Phase, Recipe, load_recipe
from edgeemo.train.fit.loop import train
from edgeemo.train.fit.phases import current_stage, freeze
from edgeemo.train.fit.run import Run, Settings
from edgeemo.train.network.model import build_training_model, load_model

#: Two epochs of the classifier at a high rate, then two of everything at a low one.
PHASES = "phase=[{epochs=2, learning_rate=0.01, frozen=true}, {epochs=2, learning_rate=1e-3}]"
TINY = ["input.height=24", "input.width=24", "architecture.stem=[8,8]", "architecture.widths=[8]"]
TINY += ["architecture.strides=[1]", "schedule.kind=constant", "schedule.warmup=0", "data.validation=0.2"]
TINY += ["optimizer.name=adam", "architecture.dropout=0.0", PHASES]


def history(*epochs: tuple[int, float]) -> list[dict[str, float]]:
    return [{"phase": float(phase), "val_accuracy": accuracy, "val_loss": 1.0} for phase, accuracy in epochs]


def recipe(patience: int = 0) -> Recipe:
    return dataclasses.replace(
        load_recipe("demo"), phase=(Phase(3, 0.1), Phase(2, 0.01)), early_stopping=EarlyStopping(patience)
    )


@pytest.mark.parametrize(
    ("patience", "epochs", "expected"),
    [
        (0, [], (1, 0, 3, 5)),
        (0, [(1, 0.5), (1, 0.4)], (1, 0, 3, 5)),
        (0, [(1, 0.5), (1, 0.4), (1, 0.3)], (2, 3, 5, 5)),
        (0, [(1, 0.5), (1, 0.4), (1, 0.3), (2, 0.2)], (2, 3, 5, 5)),
        (0, [(1, 0.5)] * 3 + [(2, 0.5)] * 2, None),
        # Early stopping ends a phase, and the next one is judged by its own epochs.
        (1, [(1, 0.5), (1, 0.4)], (2, 2, 4, 4)),
        (1, [(1, 0.5), (1, 0.4), (2, 0.3)], (2, 2, 4, 4)),
        (1, [(1, 0.5), (1, 0.4), (2, 0.3), (2, 0.2)], None),
    ],
)
def test_the_next_phase(
    patience: int, epochs: list[tuple[int, float]], expected: tuple[int, int, int, int] | None
) -> None:
    stage = current_stage(recipe(patience), history(*epochs))
    assert (stage and (stage.number, stage.start, stage.end, stage.planned)) == expected


@pytest.mark.parametrize(
    ("name", "first"), [("residual", "dropout"), ("cnn3", "dense1"), ("kdef", "dense1"), ("happy-sad", "dense")]
)
def test_freezing_leaves_the_classifier_free(name: str, first: str) -> None:
    model = build(name, InputSpec(24, 24), 7)
    names = [layer.name for layer in model.layers]
    freeze(model, True)
    assert [layer.trainable for layer in model.layers] == [names.index(n) >= names.index(first) for n in names]
    freeze(model, False)
    assert all(layer.trainable for layer in model.layers)


class _Kill(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All four epochs, with the checkpoint of each beside the run."""
    return trained(tmp_path_factory.mktemp("whole"), load_recipe("demo", TINY))


def trained(folder: Path, loaded: Recipe, *, kill_after: int | None = None) -> Run:
    """Train; killed right after ``kill_after`` epochs when given.

    Every checkpoint is kept in ``folder/all``, and the run as a kill after epoch 2 leaves it in ``folder/after-2``.
    """
    run = Run(folder / "run")
    if not run.folder.exists():
        run.folder.mkdir()
        Run.create(run.folder, loaded, Settings("synthetic:train=140,test=14,size=24", seed=4))
    (folder / "all").mkdir(exist_ok=True)

    class Watched(Run):
        def write_history(self, history: list[dict[str, float]]) -> None:
            super().write_history(history)
            shutil.copy(self.checkpoints.path(len(history)), folder / "all")
            shutil.copytree(self.folder, folder / f"after-{len(history)}")
            if len(history) == kill_after:
                raise _Kill

    train(Watched(run.folder), run.settings.training_data(loaded), quiet=True)
    return run


def kernels(run: Run, epoch: int) -> dict[str, np.ndarray]:
    state = Checkpoints(run.folder.parent / "all").load(epoch)
    names = [weight.name for weight in build_training_model(run.recipe, 7).weights]
    return dict(zip(names, state.variables, strict=True))


def changed(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    return {name for name in first if not np.array_equal(first[name], second[name])}


def test_history_names_the_phase_and_its_rate(finished: Run) -> None:
    rows = finished.history
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["phase"] for row in rows] == [1, 1, 2, 2]
    assert [row["learning_rate"] for row in rows] == pytest.approx([0.01, 0.01, 1e-3, 1e-3])


def test_only_the_classifier_changes_in_the_first_phase(finished: Run) -> None:
    first, second, fourth = (kernels(finished, epoch) for epoch in (1, 2, 4))
    assert changed(first, second) == {"emotion/kernel:0", "emotion/bias:0"}
    assert changed(second, fourth) == set(first)


def test_the_finished_model_is_free(finished: Run) -> None:
    assert all(layer.trainable for layer in load_model(finished.model_path, compile=False).layers)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_killed_run_ends_where_an_uninterrupted_one_does(finished: Run, tmp_path: Path, epochs: int) -> None:
    shutil.copytree(finished.folder.parent / f"after-{epochs}", tmp_path / "run")
    assert len(Run.open(tmp_path / "run").history) == epochs
    resumed = trained(tmp_path, finished.recipe)
    for key in ("epoch", "phase", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        found, expected = ([row[key] for row in run.history] for run in (resumed, finished))
        assert found == pytest.approx(expected, rel=1e-3, abs=0.005), key


@pytest.mark.slow
def test_a_run_from_before_there_were_phases_goes_on(tmp_path: Path) -> None:
    loaded = load_recipe("demo", [*TINY[:-1], "schedule.epochs=2"])
    with pytest.raises(_Kill):
        trained(tmp_path, loaded, kill_after=1)
    run = Run(tmp_path / "run")
    run.write_history([{key: value for key, value in run.history[0].items() if key != "phase"}])
    result = CliRunner().invoke(edgeemo, ["train", "--resume", str(run.folder)])
    assert result.exit_code == 0, result.output
    assert [row["phase"] for row in run.history] == [1, 1]


def test_a_phase_that_diverges_says_which_rate_to_lower(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.folder.parent / "after-2", tmp_path / "run")
    first, second = finished.recipe.phase
    diverging = dataclasses.replace(finished.recipe, phase=(first, dataclasses.replace(second, learning_rate=1e30)))
    (tmp_path / "run" / "recipe.toml").write_text(diverging.to_toml())
    result = CliRunner().invoke(edgeemo, ["train", "--resume", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "training diverged in epoch 3 (the loss is not a number); lower it with --set phase.2.lear" in result.output
