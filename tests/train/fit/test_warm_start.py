"""Training that begins with another network: what is taken, what starts over, what is refused, what is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.backend import set_seed
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.fit.run import Run
from edgeemo.train.fit.warm_start import load_weights
from edgeemo.train.network.model import build_model, build_training_model, load_model

from ...conftest import raises

SEVEN = tuple("abcdefg")
NO_STEP = ["--set", "optimizer.learning_rate=0", "--epochs", "1"]


def weights_of(model: object) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}  # type: ignore[attr-defined]


def begin(tmp_path: Path, *overrides: str, classes: int = 7) -> tuple[bool, dict, dict]:
    """Whether the classifier came along, the weights with which the network began, and the given ones."""
    set_seed(1)
    given = build_model(load_recipe("demo", []), 7)
    given.save(tmp_path / "given.keras")
    model = build_training_model(load_recipe("demo", list(overrides)), classes)
    whole = load_weights(model, tmp_path / "given.keras", SEVEN[:classes])
    return whole, weights_of(model), weights_of(given)


def test_every_layer_is_taken_by_name(tmp_path: Path) -> None:
    whole, own, given = begin(tmp_path)
    assert whole
    assert own.keys() == given.keys()
    assert all(np.array_equal(a, b) for name in own for a, b in zip(own[name], given[name], strict=True))


def test_mixed_precision_and_a_second_head_take_the_same(tmp_path: Path) -> None:
    whole, own, given = begin(tmp_path, "optimizer.precision=bfloat16", "loss.ferplus_head=0.4")
    assert whole
    assert own.keys() - given.keys() == {"votes"}
    assert all(np.array_equal(a, b) for name in given for a, b in zip(own[name], given[name], strict=True))


def test_other_classes_begin_with_a_new_classifier(tmp_path: Path) -> None:
    whole, own, given = begin(tmp_path, classes=3)
    assert not whole
    assert own["emotion"][0].shape[-1] == 3
    assert np.array_equal(own["stem1_conv"][0], given["stem1_conv"][0])


def test_another_architecture_is_refused_by_its_first_layer(tmp_path: Path) -> None:
    with pytest.raises(
        EdgeemoError, match=r"given.keras is not of the recipe's architecture, expected .*, got .*same"
    ) as e:
        begin(tmp_path, "architecture.widths=[16,32,64]")
    assert "block3" in str(e.value)


def test_a_layer_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with raises(EdgeemoError, expected="^block4.* with weights of ", got="^none"):
        begin(tmp_path, "architecture.widths=[16,32,48,48]", "architecture.strides=[1,2,2,1]")


def train(run: Path, out: Path, *more: str) -> Result:
    settings, recipe = Run.open(run).settings, str(run / "recipe.toml")
    arguments = ["train", recipe, "--data", settings.data, "--seed", str(settings.seed), "--out", str(out), *more]
    return CliRunner().invoke(edgeemo, arguments)


def test_a_run_goes_on_from_the_end_of_another(trained_run: Path, tmp_path: Path) -> None:
    result = train(trained_run, tmp_path / "again", *NO_STEP, "--weights", str(trained_run))
    assert result.exit_code == 0, result.output
    # The same images are selected on, and all weights were taken: there is nothing to be told.
    assert "may have been trained" not in result.stderr
    assert "anew" not in result.stderr
    before, after = (weights_of(load_model(folder / "model.keras")) for folder in (trained_run, tmp_path / "again"))
    for name in before:
        # At a rate of zero only the statistics of batch normalizations move.
        for a, b in zip(before[name][: 2 if "bn" in name else None], after[name], strict=False):
            assert np.array_equal(a, b), name
    again = Run.open(tmp_path / "again")
    assert again.settings.start == str(trained_run / "model.keras")
    assert again.card.notes == f"Training began with the weights of {trained_run.name}/model.keras."


def test_a_model_file_of_other_classes_is_told(trained_run: Path, two_faces_zip: Path, tmp_path: Path) -> None:
    arguments = [
        "train",
        str(trained_run / "recipe.toml"),
        "--data",
        str(two_faces_zip),
        "--out",
        str(tmp_path / "two"),
    ]
    result = CliRunner().invoke(edgeemo, [*arguments, *NO_STEP, "--weights", str(trained_run / "model.keras")])
    assert result.exit_code == 0, result.output
    assert "has other classes: the classifier starts over" in result.stderr
    assert "may have been trained on images that are validated on here" in result.stderr
    assert json.loads((tmp_path / "two" / "card.json").read_text())["labels"] == ["happy", "surprise"]


def test_as_many_other_classes_of_a_run_begin_anew_too(trained_run: Path, tmp_path: Path) -> None:
    model = build_model(Run.open(trained_run).recipe, 7)
    assert not load_weights(model, trained_run / "model.keras", SEVEN)
    assert load_weights(model, trained_run / "model.keras", Run.open(trained_run).card.labels)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ("gone.keras", "gone.keras is not there, expected a run folder, a .keras model"),
        ("runs/mistyped", "mistyped is not there, expected a run folder, a .keras model"),
        ("damaged", "data.json is damaged"),
        ("broken.keras", "broken.keras cannot be loaded as a Keras model"),
        ("unfinished", "has not finished training"),
        ("empty", "is not a run folder"),
    ],
)
def test_what_cannot_be_begun_with_leaves_nothing(
    trained_run: Path, tmp_path: Path, weights: str, sentence: str
) -> None:
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "empty").mkdir()
    shutil.copytree(trained_run, tmp_path / "damaged")
    (tmp_path / "damaged" / "data.json").write_text('{"train": ')
    (tmp_path / "unfinished").mkdir()
    for name in ("recipe.toml", "run.json"):
        (tmp_path / "unfinished" / name).write_bytes((trained_run / name).read_bytes())
    result = train(trained_run, tmp_path / "out", "--weights", str(tmp_path / weights))
    assert result.exit_code == 1, result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_run_that_was_stopped_before_its_first_epoch_begins_there_again(trained_run: Path, tmp_path: Path) -> None:
    from edgeemo.train.fit.loop import _begin
    from edgeemo.train.fit.phases import current_stage

    settings = Run.open(trained_run).settings
    recipe = Run.open(trained_run).recipe
    changed = type(settings)(**{**settings.__dict__, "start": str(trained_run / "model.keras")})
    run = Run.create(tmp_path, recipe, changed)
    stage = current_stage(recipe, [])
    assert stage is not None
    labels = Run.open(trained_run).card.labels
    model = _begin(Run.open(run.folder), recipe, [], stage, labels, 1)[0].model
    expected = weights_of(load_model(trained_run / "model.keras"))
    assert all(np.array_equal(a, b) for a, b in zip(weights_of(model)["emotion"], expected["emotion"], strict=True))
