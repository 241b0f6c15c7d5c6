"""The run folder: what a training leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.datasets.registry import read_dataset, read_evaluation_set
from edgeemo.train.datasets.selection import Choice
from edgeemo.train.datasets.splits import TrainingData, training_data
from edgeemo.train.fit.run import Run, Settings

from ...conftest import raises

ROW = {"epoch": 1.0, "loss": 2.5, "accuracy": 0.1, "val_loss": 2.0, "val_accuracy": 1 / 3, "learning_rate": 1e-7}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has just begun."""
    return Run.create(tmp_path, load_recipe("demo"), Settings("synthetic", ("a.csv", "b.csv"), True, False, 5))


def test_a_run_is_found_again_as_it_was_made(run: Run) -> None:
    again = Run.open(run.folder)
    assert again.recipe == load_recipe("demo")
    assert again.settings == Settings("synthetic", ("a.csv", "b.csv"), True, False, 5)


def test_the_choice_of_data_is_found_again(tmp_path: Path) -> None:
    choice = Choice("joy=happy,sad", ("S", "HL"), "/votes.csv", "mixed")
    run = Run.create(tmp_path, load_recipe("demo"), Settings("synthetic", choice=choice))
    assert Run.open(run.folder).settings.choice == choice


def test_a_run_from_before_there_was_a_choice_uses_all(run: Run) -> None:
    table = json.loads((run.folder / "run.json").read_text())
    del table["choice"]
    (run.folder / "run.json").write_text(json.dumps(table))
    assert Run.open(run.folder).settings.choice == Choice()


def test_a_run_from_before_there_were_limits_and_heads_is_as_it_was(run: Run) -> None:
    table = json.loads((run.folder / "run.json").read_text())
    del table["limit"]
    (run.folder / "run.json").write_text(json.dumps(table))
    path, new = run.folder / "recipe.toml", ("mixup", "cutmix", "focal_gamma", "ferplus_head", "ema")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if line.partition(" =")[0] not in new))
    assert len(path.read_text().splitlines()) == len(lines) - len(new)
    again = Run.open(run.folder)
    assert again.recipe == load_recipe("demo")
    assert again.settings == Settings("synthetic", ("a.csv", "b.csv"), True, False, 5)


def test_a_new_run_has_no_history(run: Run) -> None:
    assert run.history == []


def test_history_is_read_back_exactly(run: Run) -> None:
    rows = [ROW, {**ROW, "epoch": 2.0, "loss": float("inf")}]
    run.write_history(rows)
    assert run.history == rows


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("run.json", "{", "run.json is damaged"),
        ("run.json", "[]", "run.json is damaged"),
        ("run.json", "{}", "run.json is damaged"),
        ("run.json", json.dumps({"data": "synthetic", "color": 1}), "run.json is damaged"),
        ("run.json", json.dumps({"data": "synthetic", "choice": {"color": 1}}), "run.json is damaged"),
        ("run.json", json.dumps({"data": "synthetic", "choice": 1}), "run.json is damaged"),
        ("history.csv", "epoch,loss\n1,2\n2,", "history.csv is damaged"),
        ("history.csv", "epoch,loss\n1,2\n2", "history.csv is damaged"),
        ("history.csv", "epoch,loss\n1,2,3\n", "history.csv is damaged"),
        ("history.csv", "epoch,loss\n1,two\n", "history.csv is damaged"),
        ("data.json", '{"train": ', "data.json is damaged"),
        ("data.json", "[]", "data.json is damaged"),
        ("recipe.toml", "name = ", "recipe.toml is not a readable recipe"),
        ("recipe.toml", "name = 'demo'", "recipe.toml lacks"),
        ("card.json", "{}", "card.json is not an edgeemo model card"),
    ],
)
def test_a_damaged_file_is_named(run: Run, name: str, text: str, sentence: str) -> None:
    (run.folder / name).write_text(text)
    with pytest.raises(EdgeemoError, match=sentence):
        getattr(Run.open(run.folder), {"run.json": "settings", "data.json": "hashes"}.get(name, name.partition(".")[0]))


@pytest.mark.parametrize("wanted", ["card", "model_path"])
def test_an_unfinished_run_says_how_to_go_on(run: Run, wanted: str) -> None:
    with raises(EdgeemoError, problem="has not finished training ", hint=f"edgeemo train --resume {run.folder}"):
        getattr(run, wanted)


@pytest.mark.parametrize("missing", ["recipe.toml", "run.json"])
def test_a_folder_that_is_no_run_is_refused(run: Run, missing: str) -> None:
    (run.folder / missing).unlink()
    with raises(EdgeemoError, problem="is not a run folder$", expected="^a folder that edgeemo train has made"):
        Run.open(run.folder)


@pytest.mark.parametrize("name", ["nowhere", "recipe.toml"])
def test_what_is_no_folder_is_refused(run: Run, name: str) -> None:
    with raises(EdgeemoError, problem="is not (there|a run folder)"):
        Run.open(run.folder / name)


@pytest.mark.parametrize("drop", [False, True])
def test_settings_drop_leaks(tmp_path: Path, drop: bool) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8))
    for name in ("train/happy/a.png", "test/happy/a.png"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        image.save(tmp_path / "data" / name)
    dataset = Settings(str(tmp_path / "data"), drop_leaks=drop).dataset()
    assert [sample.split for sample in dataset.samples] == (["test"] if drop else ["test", "train"])


def test_settings_exclude_what_a_list_names(tmp_path: Path) -> None:
    source = "synthetic:train=4,test=1,size=24"
    keys = [sample.key for sample in Settings(source).dataset().samples]
    (tmp_path / "list.csv").write_text(f"key\n{keys[0]}\n{keys[2]}\n")
    kept = Settings(source, (str(tmp_path / "list.csv"),)).dataset()
    assert [sample.key for sample in kept.samples] == [keys[1], keys[3], keys[4]]


@pytest.mark.parametrize(
    ("overrides", "sizes"),
    [
        (["data.test=0.15", "data.validation=0.15"], (490, 140, 70)),
        (["data.test=0.3", "data.folds=7", "data.fold=6"], (420, 70, 210)),
        (["data.test=0.0", "data.folds=5"], (560, 140, 0)),
    ],
)
def test_settings_draw_the_splits_of_the_recipe(kdef_zip: Path, overrides: list[str], sizes: tuple[int, ...]) -> None:
    data = Settings(str(kdef_zip), seed=2).training_data(load_recipe("demo", overrides))
    splits = [data.train, data.validation]
    if sizes[2]:
        assert data.holdout is not None
        splits.append(read_evaluation_set(kdef_zip, "test", holdout=data.holdout))
        assert data.hashes["test"] == splits[2].content_hash
    assert tuple(map(len, splits)) == sizes[: len(splits)]
    assert sum(len({s.group for s in split.samples}) for split in splits) == 10
    assert set(data.hashes) == ({"train", "validation", "test"} if sizes[2] else {"train", "validation"})


def test_a_test_split_of_the_source_is_used() -> None:
    source = Settings("synthetic:train=70,test=7,size=24")
    data = source.training_data(load_recipe("demo", ["data.test=0.2", "data.validation=0.2"]))
    assert (data.holdout, len(data.train), len(data.validation)) == (None, 56, 14)


def test_leaks_of_classes_that_are_not_used_are_dropped_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("happy", "sad"):
        for index in range(3):
            pixels = rng.integers(0, 256, (8, 8), np.uint8)
            # The last happy training image stands in the test split as an angry one.
            for place in (f"train/{label}", *(["test/angry"] if (label, index) == ("happy", 2) else [])):
                (tmp_path / place).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(tmp_path / place / f"{index}.png")
    kept = Settings(str(tmp_path), drop_leaks=True, choice=Choice("happy,sad")).dataset()
    assert kept.counts == {"train": {"happy": 2, "sad": 3}}


def splits(seed: int) -> TrainingData:
    return training_data(read_dataset("synthetic:train=35,test=0,size=24"), seed=seed)


@pytest.mark.parametrize("begun", [[], [ROW]], ids=["no epoch", "before data.json was kept"])
def test_any_data_is_noted_when_nothing_is_known(run: Run, begun: list[dict[str, float]]) -> None:
    if begun:
        run.write_history(begun)
    run.verify(splits(1))
    assert json.loads((run.folder / "data.json").read_text()) == splits(1).hashes


def test_a_run_without_epochs_takes_other_data(run: Run) -> None:
    run.verify(splits(1))
    run.verify(splits(2))
    assert json.loads((run.folder / "data.json").read_text()) == splits(2).hashes


def test_a_run_with_epochs_takes_the_same_data_alone(run: Run) -> None:
    run.verify(splits(1))
    run.write_history([ROW])
    run.verify(splits(1))
    with raises(EdgeemoError, problem="synthetic is not the data with which .* was begun$", expected="^content hash"):
        run.verify(splits(2))
