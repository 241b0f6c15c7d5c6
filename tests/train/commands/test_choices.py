"""Classes, angles, votes and test splits from the command line to the card and back: what was left out is measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeemo.cli import edgeemo
from edgeemo.edge.model.card import read_card
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.fit.run import Run

TINY = ("input.height=24", "input.width=24", "architecture.stem=[8,8]", "architecture.widths=[8]")
TINY += ("architecture.strides=[1]", "schedule.epochs=1", "data.validation=0.2")
CHOICE = ("--classes", "joy=happy,neutral", "--angles", "hl,S,HR")
HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(edgeemo, [str(word) for word in words])


def train(data: Path, out: Path, *options: str | Path, overrides: tuple[str, ...] = ()) -> Result:
    sets = [word for override in (*TINY, *overrides) for word in ("--set", override)]
    return invoke("train", "demo", "--data", data, "--out", out, *options, *sets)


@pytest.fixture(scope="module")
def run(kdef_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of KDEF, three angles, three of ten people left out for the test."""
    folder = tmp_path_factory.mktemp("choices") / "run"
    result = train(kdef_zip, folder, *CHOICE, "--seed", "5", overrides=("data.test=0.3",))
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def tflite(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("choices") / "model.tflite"
    result = invoke("quantize", run, "--method", "float32", "--out", path)
    assert result.exit_code == 0, result.output
    return path


def test_the_card_tells_classes_and_test_split(run: Path) -> None:
    card = Run.open(run).card
    assert card.labels == ("joy", "neutral")
    assert card.provenance.holdout == {"share": 0.3, "seed": 5}
    assert set(card.provenance.split_hashes) == {"train", "validation", "test"}


@pytest.mark.parametrize("form", ["run", "tflite"])
def test_exactly_the_split_that_was_left_out_is_measured(
    request: pytest.FixtureRequest, run: Path, kdef_zip: Path, form: str
) -> None:
    model = request.getfixturevalue(form)
    figures = json.loads(invoke("evaluate", model, "--data", kdef_zip, *CHOICE, "--json").stdout)
    assert figures["content_hash"] == Run.open(run).card.provenance.split_hashes["test"]
    assert figures["n"] == 3 * 2 * 2 * 3  # people, sessions, classes, angles


def test_nobody_was_trained_on_or_selected_on_and_is_measured(run: Path, kdef_zip: Path) -> None:
    opened = Run.open(run)
    data = opened.settings.training_data(opened.recipe)
    assert data.holdout is not None
    tested = {s.group for s in data.holdout.carve(read_dataset(kdef_zip)).split("test").samples}
    seen = {s.group for split in (data.train, data.validation) for s in split.samples}
    assert (len(tested), len(seen), tested & seen) == (3, 7, set())


def test_the_classes_must_be_chosen_to_measure(run: Path, kdef_zip: Path) -> None:
    result = invoke("evaluate", run, "--data", kdef_zip)
    assert result.exit_code == 1
    assert "choose the model's classes with --classes" in result.output


def test_the_gate_is_measured_on_the_split_that_was_left_out(run: Path, tflite: Path, kdef_zip: Path) -> None:
    result = invoke("validate", run, tflite, "--data", kdef_zip, *CHOICE, "--max-drop", "100", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["content_hash"] == Run.open(run).card.provenance.split_hashes["test"]


def test_the_benchmark_is_measured_on_the_split_that_was_left_out(tflite: Path, kdef_zip: Path) -> None:
    result = invoke("benchmark", tflite, "--data", kdef_zip, *CHOICE, "--queries", "2", "--json")
    assert result.exit_code == 0, result.output
    assert '"n": 36' in result.stdout


def test_the_audit_counts_what_is_chosen(kdef_zip: Path, tmp_path: Path) -> None:
    result = invoke("data", "audit", kdef_zip, *CHOICE, "--out", tmp_path / "list.csv", "--json")
    assert json.loads(result.stdout)["counts"] == {"all": {"joy": 60, "neutral": 60}}


def test_a_resumed_run_finds_the_same_data(run: Path) -> None:
    before = (run / "history.csv").read_text()
    result = invoke("train", "--resume", run)
    assert result.exit_code == 0, result.output
    assert (run / "history.csv").read_text() == before


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Twenty images in the names of FER-2013, and votes: one tie, one without a face, the others for sad or fear."""
    lines, root = [], tmp_path_factory.mktemp("votes")
    for row in range(20):
        part, folder = ("Training", "train") if row < 14 else ("PublicTest", "test")
        place = root / "fer" / folder / ("sad" if row % 2 else "fear")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(row).integers(0, 256, (24, 24), np.uint8)
        Image.fromarray(pixels).save(place / f"{part}_{row:05d}.png")
        most = "0,0,0,5,0,0,3,0,0,0" if row % 4 < 2 else "1,0,0,3,0,0,6,0,0,0"
        votes = {3: "0,0,0,5,0,0,5,0,0,0", 17: "0,0,0,0,0,0,0,0,0,9"}.get(row, most)
        lines.append(f"{part},{row}.png,{votes}\n")
    (root / "votes.csv").write_text(HEADER + "".join(lines))
    return root / "fer", root / "votes.csv"


@pytest.fixture(scope="module")
def voted(fer: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Result]]:
    """How votes are used -> the run, and what the command said; the majority is taken when nothing is asked for."""
    data, votes = fer
    runs = {}
    for mode, options in (("majority", ()), ("mixed", ("--ferplus-mode", "mixed"))):
        folder = tmp_path_factory.mktemp("voted") / "run"
        runs[mode] = folder, train(data, folder, "--ferplus", votes, *options, "--classes", "sad,fear")
    return runs


@pytest.mark.parametrize(("mode", "images"), [("majority", 13), ("mixed", 14)])
def test_votes_are_trained_on(voted: dict[str, tuple[Path, Result]], mode: str, images: int) -> None:
    folder, result = voted[mode]
    assert result.exit_code == 0, result.output
    assert f"FER+ ({mode}) left out" in result.stderr
    run = Run.open(folder)
    splits = run.settings.training_data(run.recipe)
    assert len(splits.train) + len(splits.validation) == images
    assert (splits.train.soft is None) == (mode == "majority")
    assert run.card.provenance.dataset == f"fer (FER+ {mode})"


def test_the_majority_can_be_measured_on(fer: tuple[Path, Path], voted: dict[str, tuple[Path, Result]]) -> None:
    data, votes = fer
    words = ("evaluate", voted["majority"][0], "--data", data, "--classes", "sad,fear", "--json")
    before, after = (json.loads(invoke(*words, *more).stdout) for more in ((), ("--ferplus", votes)))
    assert (before["n"], after["n"]) == (6, 5)
    # Rows 14 to 19 without 17: by votes only 16 is sad, by FER-2013 the odd ones were.
    assert [sum(row) for row in before["confusion"]] == [3, 3]
    assert [sum(row) for row in after["confusion"]] == [1, 4]
    assert after["data"] == "fer (FER+ majority)"


def test_a_card_keeps_both_measurements(fer: tuple[Path, Path], tiny_int8: Path, tmp_path: Path) -> None:
    data, votes = fer
    model = Path(shutil.copy(tiny_int8, tmp_path / "model.tflite"))
    printed = [
        json.loads(invoke("evaluate", model, "--data", data, "--record", "--json", *more).stdout)
        for more in ((), ("--ferplus", votes))
    ]
    found = read_card(model).metrics
    assert set(found) == {"test", "FER+ majority test"}
    for name, figures in zip(("test", "FER+ majority test"), printed, strict=True):
        assert {key: found[name][key] for key in ("data", "n", "correct")} == {
            key: figures[key] for key in ("data", "n", "correct")
        }
        assert set(found[name]["recall"]) == {"sad", "fear"}
    assert found["FER+ majority test"]["command"] == "edgeemo evaluate model.tflite --data fer --ferplus votes.csv"
    again = invoke("evaluate", model, "--data", data, "--record")
    assert (again.exit_code, "recorded figures already (test); measure without --record" in again.stderr) == (1, True)
    others = invoke("evaluate", model, "--data", data, "--split", "train", "--record", "--force")
    assert (others.exit_code, "only figures of test images are recorded" in others.stderr) == (1, True)
    assert read_card(model).metrics == found


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--classes", "happy,bored"), 1, "has no images of class 'bored', expected one of angry, disgust, fear"),
        (("--classes", "happy,,sad"), 2, "the classes cannot be read"),
        (("--classes", ""), 2, "the classes cannot be read"),
        (("--angles", "S,UP"), 2, "--angles has 'UP', expected some of FL,HL,S,HR,FR"),
        (("--ferplus-mode", "mixed"), 2, "--ferplus-mode needs --ferplus FILE"),
        (("--ferplus", "votes.csv", "--ferplus-mode", "most"), 2, "'most' is not one of 'majority'"),
        (("--ferplus", "nowhere.csv"), 1, "nowhere.csv is not there, expected the published fer2013new.csv"),
        (("--set", "data.test=0.6"), 1, "recipe data.test is out of range, expected 0.0 to 0.5, got 0.6"),
        (("--set", "data.test=0.4", "--set", "data.validation=0.4"), 1, "data.validation / (1 - data.test) is out of"),
        (("--set", "data.folds=3", "--set", "data.fold=3"), 1, "recipe data.fold is out of range, expected 0 to 2"),
        (("--set", "data.folds=11"), 1, "number of folds out of range, expected 2 to 10, the number of people"),
    ],
)
def test_what_does_not_fit_is_named(
    kdef_zip: Path, tmp_path: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = invoke("train", "demo", "--data", kdef_zip, "--out", tmp_path / "run", *words)
    assert result.exit_code == code, result.output
    assert sentence in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (lambda run: ("train", "--resume", run, "--classes", "happy,sad"), "--resume takes everything from the run"),
        (
            lambda run: ("benchmark", run / "model.keras", "--classes", "a,b"),
            "--classes, --angles and --exclude need --data",
        ),
        (lambda run: ("validate", run, run, "--data", "x", "--ferplus", "votes.csv"), "No such option"),
        (
            lambda run: ("evaluate", run, "--data", "x", "--ferplus", "v.csv", "--ferplus-mode", "mixed"),
            "'mixed' is not 'majority'",
        ),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    run: Path, words: Callable[[Path], tuple[str | Path, ...]], sentence: str
) -> None:
    result = invoke(*words(run))
    assert result.exit_code == 2, result.output
    assert sentence in result.output


def test_a_card_without_a_holdout_measures_no_test_split(kdef_zip: Path, tiny_float: Path) -> None:
    card = read_card(tiny_float)
    assert card is not None
    assert card.provenance.holdout == {}
    result = invoke("evaluate", tiny_float, "--data", kdef_zip)
    assert "KDEF.zip has no images in split 'test', expected all" in result.output
