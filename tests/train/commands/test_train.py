"""``edgeemo train``, from the first epoch to the finished folder, and on after a kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.fit.run import Run

DATA = "synthetic:train=140,test=14,size=24"
TINY = ["input.height=24", "input.width=24", "architecture.stem=[8,8]", "architecture.widths=[8]"]
TINY += ["architecture.strides=[1]", "schedule.epochs=2", "data.validation=0.2"]


def arguments(out: Path, *overrides: str, data: str = DATA, options: tuple[str, ...] = ()) -> list[str]:
    sets = [word for override in (*TINY, *overrides) for word in ("--set", override)]
    return ["train", "demo", "--data", data, "--out", str(out), *options, *sets]


def invoke(words: list[str]) -> Result:
    return CliRunner().invoke(edgeemo, words)


def history(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run of two epochs, and what the command said."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, invoke(arguments(folder, options=("--seed", "4")))


def test_the_run_folder_is_complete(finished: tuple[Path, Result]) -> None:
    folder, result = finished
    assert result.exit_code == 0, result.output
    best = json.loads((folder / "metrics.json").read_text())["validation"]["epoch"]
    expected = {"recipe.toml", "run.json", "data.json", "history.csv", "model.keras", "card.json", "metrics.json"}
    expected |= {"curves.png", "checkpoints/epoch-0002.npz", f"checkpoints/epoch-{best:04d}.npz"}
    assert set(files(folder)) == expected


def test_history_has_a_row_for_every_epoch(finished: tuple[Path, Result]) -> None:
    rows = history(finished[0])
    assert list(rows[0])[:2] == ["epoch", "phase"]
    assert list(rows[0])[2:] == ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert [float(row["epoch"]) for row in rows] == [1, 2]


def test_the_rate_follows_the_schedule(finished: tuple[Path, Result]) -> None:
    # Two batches an epoch: the last step of the first stands at half the warm-up, that of the second at half a cosine.
    assert [float(row["learning_rate"]) for row in history(finished[0])] == pytest.approx([0.025, 0.025])


def test_the_card_tells_where_the_model_comes_from(finished: tuple[Path, Result]) -> None:
    run = Run.open(finished[0])
    card, data = run.card, run.settings.training_data(run.recipe)
    assert card.labels == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert (card.name, card.input) == ("demo", run.recipe.input)
    assert card.provenance.architecture == "residual"
    assert (card.provenance.dataset, card.provenance.dataset_hash) == ("synthetic", data.train.content_hash)
    assert card.provenance.split_hashes == data.hashes
    assert card.provenance.seed == 4
    assert {"edgeemo", "tensorflow", "tf_keras", "numpy"} <= set(card.provenance.versions)


def test_a_card_of_drawn_faces_says_so(finished: tuple[Path, Result]) -> None:
    assert "synthetic faces" in Run.open(finished[0]).card.notes


def test_the_figure_on_the_card_is_that_of_the_model(finished: tuple[Path, Result]) -> None:
    from edgeemo.train.evaluation.predictor import open_predictor, predict_dataset

    run = Run.open(finished[0])
    figure = run.card.metrics["float32 validation"]
    data = run.settings.training_data(run.recipe).validation
    targets, probabilities = predict_dataset(open_predictor(run.folder), data)
    assert (figure["n"], figure["correct"]) == (28, int((probabilities.argmax(axis=1) == targets).sum()))


def test_the_recipe_is_saved_as_it_was_used(finished: tuple[Path, Result]) -> None:
    assert Run.open(finished[0]).recipe == load_recipe("demo", TINY)


def test_a_pipe_gets_plain_lines(finished: tuple[Path, Result]) -> None:
    _, result = finished
    lines = result.stderr.splitlines()
    assert lines[0] == "training on 112 images, validating on 28"
    assert [line.split()[:2] for line in lines[1:]] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert not {"\r", "\033"} & set(result.output)


def test_the_result_is_one_line(finished: tuple[Path, Result]) -> None:
    folder, result = finished
    assert result.stdout.count("\n") == 1
    assert result.stdout.startswith(f"{folder}: validation accuracy ")


def test_a_finished_run_is_not_trained_further(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    before = (folder / "history.csv").read_text(), (folder / "metrics.json").read_text()
    result = invoke(["train", "--resume", str(folder)])
    assert result.exit_code == 0, result.output
    assert ((folder / "history.csv").read_text(), (folder / "metrics.json").read_text()) == before


def test_json_stands_alone_on_standard_output(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    figures = json.loads(invoke(["train", "--resume", str(folder), "--json"]).stdout)
    assert figures["run"] == str(folder)
    assert (figures["epochs"], figures["validation"]["n"]) == (2, 28)


def test_an_existing_run_is_refused_and_stays(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    before = files(folder)
    result = invoke(arguments(folder))
    assert result.exit_code == 1
    assert f"{folder} is a run already; continue with --resume {folder}" in result.output
    assert files(folder) == before


def test_a_folder_with_contents_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    result = invoke(arguments(tmp_path))
    assert (result.exit_code, files(tmp_path)) == (1, {"letter.txt": b"mine"})
    assert "exists and is not empty" in result.output


def test_a_file_in_the_way_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    result = invoke(arguments(tmp_path / "run"))
    assert (result.exit_code, files(tmp_path)) == (1, {"run": b"mine"})
    assert "run is a file, expected a folder" in result.output


def test_a_place_that_cannot_be_written_is_named_before_any_work() -> None:
    # Not even root can make folders in /proc.
    result = invoke(arguments(Path("/proc/edgeemo/run")))
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "/proc/edgeemo/run cannot be written" in result.output


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["demo"], 2, "a new run needs RECIPE, --data and --out"),
        (["demo", "--data", DATA], 2, "a new run needs"),
        (["--data", DATA, "--out", "run"], 2, "a new run needs"),
        (["demo", "--resume", "run"], 2, "--resume takes everything from the run"),
        (["--resume", "run", "--set", "schedule.epochs=9"], 2, "--resume takes everything from the run"),
        (["--resume", "run", "--weights", "none"], 2, "--resume takes everything from the run"),
        (["--resume", "nowhere"], 1, "nowhere is not there, expected a run folder"),
        (["--resume", "."], 1, "is not a run folder"),
        (
            ["fer-cnn4", "--data", DATA, "--out", "run"],
            1,
            "unknown recipe 'fer-cnn4', expected one of demo, densenet169",
        ),
        (["demo", "--data", "nowhere", "--out", "run"], 1, "nowhere is not there, expected a data set"),
        (["demo", "--data", DATA, "--out", "run", "--exclude", "no.csv"], 1, "no.csv is not there"),
        (["demo", "--data", DATA, "--out", "run", "--set", "schedule.epochs=0"], 1, "schedule.epochs is out of range"),
        (["demo", "--data", DATA, "--out", "run", "--weights", "none"], 1, "'residual' has no option 'weights'"),
        (["happy-sad", "--data", DATA, "--out", "run"], 1, "tells two classes apart, expected data with two classes"),
        (["demo", "--data", "synthetic:train=7,test=0", "--out", "run"], 1, "is too small to be divided"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(["train", *words])
    assert result.exit_code == code
    assert sentence in result.output
    assert not list(tmp_path.iterdir())


def test_an_architecture_that_cannot_be_built_is_named(tmp_path: Path) -> None:
    result = invoke(arguments(tmp_path / "run", "architecture.name=vgg"))
    assert result.exit_code == 2
    assert "unknown architecture, expected one of cnn3, cnn38, densenet169" in result.output


def test_a_training_that_diverges_says_what_to_lower(tmp_path: Path) -> None:
    result = invoke(arguments(tmp_path / "run", "optimizer.learning_rate=1e30"))
    assert result.exit_code == 1
    assert "training diverged in epoch 1 (the loss is not a number); lower it with --set optimizer" in result.output
    assert not (tmp_path / "run" / "history.csv").exists()


def test_stopping_early(tmp_path: Path) -> None:
    still = ("optimizer.learning_rate=0.0", "schedule.epochs=9", "early_stopping.patience=1")
    # At rate 0 only the batch normalization changes, which val_accuracy may follow for an epoch or two.
    result = invoke(arguments(tmp_path / "run", *still, "architecture.bn_momentum=1.0"))
    assert result.exit_code == 0, result.output
    assert len(history(tmp_path / "run")) == 2


@pytest.fixture(scope="module")
def without_broken(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """A folder of images of which one is broken, the run that left it out, and what the command said."""
    data = tmp_path_factory.mktemp("broken") / "data"
    with zipfile.ZipFile(faces_zip) as archive:
        members = [name for name in archive.namelist() if name.startswith("train/")][:140]
        archive.extractall(data, members)
    (data / members[0]).write_bytes(b"")
    folder = data.parent / "run"
    return data, folder, invoke(arguments(folder, "schedule.epochs=1", data=str(data), options=("--skip-bad",)))


def test_broken_images_that_were_left_out_are_counted(without_broken: tuple[Path, Path, Result]) -> None:
    _, _, result = without_broken
    assert result.exit_code == 0, result.output
    assert "left out 1 broken image" in result.stderr


def test_other_data_is_refused_on_resume(without_broken: tuple[Path, Path, Result]) -> None:
    data, folder, _ = without_broken
    next(path for path in sorted(data.rglob("*.png")) if path.stat().st_size).unlink()
    result = invoke(["train", "--resume", str(folder)])
    assert result.exit_code == 1
    assert "is not the data with which" in result.output


#: folder, history at the kill, what --resume said
Resumed = tuple[Path, list[dict[str, str]], Result]

# Enough steps that a kill after the first epoch comes long before the end of the second.
LONG = ("schedule.epochs=3", "schedule.batch=8", "architecture.dropout=0.0")


def start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    with open(log, "wb") as stream:
        return subprocess.Popen([sys.executable, "-m", "edgeemo", *words], stdout=stream, stderr=stream, env=os.environ)


@pytest.fixture(scope="module")
def uninterrupted(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = invoke(arguments(folder, *LONG, data=str(faces_zip)))
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def resumed(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """A run that was killed in mid-epoch and resumed."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    process = start(arguments(folder, *LONG, data=str(faces_zip)), folder.parent / "log")
    try:
        deadline = time.monotonic() + 300
        while not (folder / "history.csv").is_file():
            assert process.poll() is None, (folder.parent / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # Into the second epoch.
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = history(folder)
    # What a kill while a checkpoint was being written leaves behind.
    (folder / "checkpoints" / ".epoch-0002-half.npz").write_bytes(b"half")
    return folder, before, invoke(["train", "--resume", str(folder)])


def test_a_kill_in_mid_epoch_leaves_the_finished_epoch(resumed: Resumed) -> None:
    assert [float(row["epoch"]) for row in resumed[1]] == [1]


def test_a_killed_run_goes_on_at_the_epoch_it_had_finished(
    resumed: Resumed,
) -> None:
    folder, before, result = resumed
    assert result.exit_code == 0, result.output
    assert "epoch 1/3" not in result.stderr
    assert "epoch 2/3" in result.stderr
    assert history(folder)[:1] == before
    assert [float(row["epoch"]) for row in history(folder)] == [1, 2, 3]


def test_a_killed_run_leaves_no_rubbish(resumed: Resumed, uninterrupted: Path) -> None:
    plain = {name for name in files(uninterrupted) if not name.startswith("checkpoints")}
    names = set(files(resumed[0]))
    assert {name for name in names if not name.startswith("checkpoints")} == plain
    assert all(name.startswith("checkpoints/epoch-") for name in names - plain)


def test_a_killed_run_ends_where_an_uninterrupted_one_does(resumed: Resumed, uninterrupted: Path) -> None:
    # Batches, rates and the optimizer's state are the same; sums over threads may come in another order.
    for key in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        found, expected = ([float(row[key]) for row in history(folder)] for folder in (resumed[0], uninterrupted))
        assert found == pytest.approx(expected, rel=1e-3, abs=0.005), key


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, faces_zip: Path) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    process = start(arguments(out, "schedule.epochs=200", data=str(faces_zip)), log)
    while not (out / "history.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    said = log.read_text()
    assert f"finished epochs are kept; continue with: edgeemo train --resume {out}" in said
    assert said.endswith("stopped\n")
    assert "Traceback" not in said
