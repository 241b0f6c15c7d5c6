"""Recipes: shipped ones load, values can be changed, mistakes are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.config import toml
from edgeemo.train.config.recipe import Phase, Recipe, load_recipe, parse_recipe, recipe_names

from ...conftest import raises


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_load(name: str) -> None:
    assert load_recipe(name).name == name


def test_the_promised_recipes_are_shipped() -> None:
    published = {"densenet169-fer", "fer-cnn3", "fer-cnn38", "happy-sad", "kdef-binary"}
    assert {"demo", "edge-res", *published} <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_survives_being_written(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(toml.parse(recipe.to_toml()), "run") == recipe


def test_a_path_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(load_recipe("demo").to_toml().replace('name = "demo"', 'name = "mine"'))
    assert load_recipe(str(tmp_path / "mine.toml")).name == "mine"


def value(recipe: Recipe, key: str) -> object:
    section, _, last = key.partition(".")
    found = getattr(recipe, section)
    if section == "architecture" and last != "name":
        return found.options[last]
    return getattr(found, last) if last else found


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("schedule.epochs=3", 3),
        ("schedule.warmup=2", 2.0),
        ("optimizer.learning_rate=1e-2", 0.01),
        (" loss.class_weights = balanced ", "balanced"),
        ('input.channels="rgb"', "rgb"),
        ("augmentation.flip=false", False),
        ("architecture.widths=[8, 8]", [8, 8]),
        ("title=a=b", "a=b"),
    ],
)
def test_an_override_changes_one_value(override: str, expected: object) -> None:
    key = override.partition("=")[0].strip()
    changed = value(load_recipe("demo", [override]), key)
    assert (changed, type(changed)) == (expected, type(expected))


def test_the_last_override_holds() -> None:
    assert load_recipe("demo", ["schedule.epochs=3", "schedule.epochs=4"]).schedule.epochs == 4


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("schedule.epochs", "override 'schedule.epochs' cannot be read, expected section.key=value"),
        ("=5", "cannot be read"),
        (".epochs=5", "cannot be read"),
        ("name.epochs=5", "does not fit, expected a section before the last dot"),
        ("schedule.steps=5", "unknown key schedule.steps, expected one of kind, epochs"),
        ("scheduling.epochs=5", "unknown key scheduling, expected one of name"),
        ("schedule.epochs=two", "schedule.epochs has the wrong type, expected int, got 'two'"),
        ("schedule.epochs=2.5", "schedule.epochs has the wrong type, expected int, got 2.5"),
        ("schedule.epochs=true", "schedule.epochs has the wrong type, expected int, got True"),
        ("augmentation.flip=1", "augmentation.flip has the wrong type, expected bool, got 1"),
        ("schedule=5", "schedule is not a section, got 5"),
        ("schedule.epochs=0", "schedule.epochs is out of range, expected 1 to 100000, got 0"),
        ("schedule.batch=0", "schedule.batch is out of range"),
        ("loss.label_smoothing=1.0", "loss.label_smoothing is out of range, expected 0.0 to 0.99"),
        ("data.validation=0.6", "data.validation is out of range"),
        ("augmentation.erase=nan", "augmentation.erase is out of range"),
        ("augmentation.cutmix=11", "augmentation.cutmix is out of range, expected 0.0 to 10.0, got 11.0"),
        ("augmentation.mixup=-0.1", "augmentation.mixup is out of range, expected 0.0 to 10.0, got -0.1"),
        ("loss.focal_gamma=-1", "loss.focal_gamma is out of range, expected 0.0 to 10.0"),
        ("loss.ferplus_head=-0.4", "loss.ferplus_head is out of range, expected 0.0 to 10.0"),
        ("optimizer.ema=1.0", "optimizer.ema is out of range, expected 0.0 to 0.999999"),
        ("schedule.warmup=-1", "schedule.warmup is out of range"),
        ("loss.class_weights=fair", "loss.class_weights is unknown, expected one of none, balanced, sqrt, got 'fair'"),
        ("optimizer.name=lion", "optimizer.name is unknown, expected one of adam, adamw, sgd"),
        ("optimizer.weight_decay=0.1", "optimizer.weight_decay is out of range, expected 0.0 to 0.0, got 0.1"),
        ("task=regression", "recipe task is unknown, expected one of multiclass, binary, got 'regression'"),
        ("phase=5", "phase has the wrong type, expected tuple, got 5"),
        ("phase=[5]", "phase.1 is not a section, got 5"),
        ("phase=[{epochs = 5}]", "lacks phase.1.'learning_rate'"),
        ("phase=[{epochs = 0, learning_rate = 1.0}]", "recipe phase.1.epochs is out of range, expected 1"),
        ("schedule.kind=triangle", "schedule.kind is unknown"),
        ("early_stopping.monitor=test_accuracy", "early_stopping.monitor is unknown"),
        ("input.height=0", "input size out of range"),
        ("input.channels=bgr", "unknown channels"),
    ],
)
def test_an_override_that_does_not_fit_is_named(override: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        load_recipe("demo", [override])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("schedule.epoch=5", "did you mean schedule.epochs?"),
        ("optimiser.name=sgd", "did you mean optimizer?"),
        ("epochs=5", "did you mean schedule.epochs?"),
        ("phase.1.learning_rat=5", "did you mean phase.1.learning_rate?"),
        ("schedule.steps=5", None),
    ],
)
def test_a_near_miss_says_what_was_meant(override: str, hint: str | None) -> None:
    with pytest.raises(EdgeemoError) as caught:
        load_recipe("densenet169-fer", [override])
    assert caught.value.hint == hint


def test_a_near_miss_in_a_file_says_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "demo"\n[augmentation]\nrotaton = 5.0\n')
    with pytest.raises(EdgeemoError) as caught:
        load_recipe(str(tmp_path / "mine.toml"))
    assert caught.value.hint == "did you mean augmentation.rotation?"


def test_a_near_miss_of_a_recipe_says_which_was_meant() -> None:
    with pytest.raises(EdgeemoError) as caught:
        load_recipe("edgeemo-nanno")
    assert caught.value.hint == "did you mean edgeemo-nano?"


@pytest.mark.parametrize(
    ("overrides", "plan"),
    [
        ([], (Phase(10, 1e-3, frozen=True), Phase(30, 1e-5))),
        (["phase.1.epochs=2", "phase.2.learning_rate=1e-6"], (Phase(2, 1e-3, frozen=True), Phase(30, 1e-6))),
        (["architecture.weights=none"], (Phase(40, 1e-3),)),
        (["phase=[]"], (Phase(40, 1e-3),)),
    ],
)
def test_what_is_pretrained_is_trained_in_phases_and_from_scratch_in_one(
    overrides: list[str], plan: tuple[Phase, ...]
) -> None:
    assert load_recipe("densenet169-fer", overrides).plan == plan


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("phase.0.epochs=5", "does not fit, expected a number from 1 to 2"),
        ("phase.3.epochs=5", "does not fit, expected a number from 1 to 2"),
        ("phase.first.epochs=5", "does not fit, expected a number from 1 to 2"),
        ("phase.epochs=5", "does not fit, expected the number of a part, as phase.1.epochs=5"),
        ("phase.1.rate=5", "unknown key phase.1.rate, expected one of epochs, learning_rate, frozen"),
        ("phase.1.frozen=1", "phase.1.frozen has the wrong type, expected bool, got 1"),
    ],
)
def test_an_override_of_a_phase_that_does_not_fit_is_named(override: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        load_recipe("densenet169-fer", [override])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "epochs", "warmup", "phases"),
    [
        ("edge-res", 10, 0.5, ()),
        ("edge-res", 80, 2.0, ()),
        ("fer-cnn3", 1, 0.0, ()),
        ("densenet169-fer", 2, 0.0, (2, 2)),
    ],
)
def test_other_epochs_shorten_the_warm_up(name: str, epochs: int, warmup: float, phases: tuple[int, ...]) -> None:
    recipe = load_recipe(name).with_epochs(epochs)
    assert (recipe.schedule.epochs, recipe.schedule.warmup) == (epochs, warmup)
    assert tuple(phase.epochs for phase in recipe.phase) == phases
    assert all(phase.epochs == epochs for phase in recipe.plan)


@pytest.mark.parametrize(("name", "classes", "outputs"), [("demo", 7, 7), ("demo", 2, 2), ("happy-sad", 2, 1)])
def test_outputs_by_task(name: str, classes: int, outputs: int) -> None:
    assert load_recipe(name).outputs(classes) == outputs


def test_a_binary_recipe_refuses_seven_classes() -> None:
    with raises(
        EdgeemoError, problem="happy-sad tells two classes apart$", expected="^data with two classes", got="^7"
    ):
        load_recipe("happy-sad").outputs(7)


def test_a_recipe_of_the_package_has_its_name_with_toml_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_recipe("linear.toml") == load_recipe("linear")
    Path("linear.toml").write_text(load_recipe("demo").to_toml())
    assert load_recipe("linear.toml").name == "demo"


@pytest.mark.parametrize("name", ["fer-cnn4", "", "../demo", "nowhere.toml"])
def test_an_unknown_recipe_names_the_known_ones(name: str) -> None:
    with pytest.raises(
        EdgeemoError, match="one of demo, densenet169-fer, edge-res, edgeemo-base, edgeemo-large, edge"
    ) as caught:
        load_recipe(name)
    assert f"unknown recipe {name!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"name = ", "is not a readable recipe"),
        (b"name = '\xff'", "is not a readable recipe"),
        (b"name = 'x'\ntitle = ''\npublished = ''\n[architecture]\nname = 'cnn3'\n", "lacks 'input'"),
        (b"name = 'x'\n[input]\nheight = 4\n", "lacks input.'width'"),
    ],
)
def test_a_broken_recipe_is_named(tmp_path: Path, text: bytes, sentence: str) -> None:
    (tmp_path / "mine.toml").write_bytes(text)
    with pytest.raises(EdgeemoError) as caught:
        load_recipe(str(tmp_path / "mine.toml"))
    assert "mine.toml" in str(caught.value)
    assert sentence in str(caught.value)


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_recipe_has_the_values_of_the_one_that_it_extends(tmp_path: Path) -> None:
    child = 'extends = "parent.toml"\nname = "child"\n[augmentation]\nerase = 0.1\n[architecture]\ndropout = 0.4\n'
    parent = 'extends = "edge-res"\n[augmentation]\nerase = 0.5\nrotation = 3.0\n[schedule]\nepochs = 7\n'
    written(tmp_path, child=child, parent=parent)
    found, root = load_recipe(str(tmp_path / "child.toml"), ["augmentation.shift=0.0"]), load_recipe("edge-res")
    assert found.name == "child"
    assert found.augmentation == replace(root.augmentation, erase=0.1, rotation=3.0, shift=0.0)
    assert found.schedule == replace(root.schedule, epochs=7)
    assert found.architecture.options == {**root.architecture.options, "dropout": 0.4}
    # What a run keeps says all by itself.
    (tmp_path / "resolved.toml").write_text(found.to_toml())
    assert "extends" not in found.to_toml()
    assert load_recipe(str(tmp_path / "resolved.toml")) == found


def test_another_network_does_not_inherit_options(tmp_path: Path) -> None:
    written(tmp_path, child='extends = "edge-res"\n[architecture]\nname = "cnn3"\n')
    assert load_recipe(str(tmp_path / "child.toml")).architecture.options == {}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"one": 'extends = "one.toml"'}, "one.toml extends itself"),
        ({"one": 'extends = "two.toml"', "two": 'extends = "one.toml"'}, "one.toml extends itself"),
        ({"one": "extends = 3"}, "extends is not a recipe, expected its name or path, got 3"),
        ({"one": 'extends = "nowhere"'}, "unknown recipe 'nowhere'"),
    ],
    ids=["itself", "in a circle", "a number", "unknown"],
)
def test_a_recipe_that_extends_nothing_is_named(files: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeemoError, match=sentence):
        load_recipe(str(written(tmp_path, **files) / "one.toml"))
