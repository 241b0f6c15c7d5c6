from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from edgeemo.benchmarks.cases import unique_names
from edgeemo.benchmarks.commands.benchmark import command
from edgeemo.benchmarks.measure.stages import measure_stages
from edgeemo.benchmarks.options import BenchmarkOptions
from edgeemo.benchmarks.record import SCHEMA, BenchmarkRecord, read_records, write_records
from edgeemo.benchmarks.report.report import write_report
from edgeemo.benchmarks.report.table import text_table
from edgeemo.benchmarks.suite import benchmark
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import ModelCard, read_card, with_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.datasets.formats.pack import write_pack
from edgeemo.train.datasets.formats.synthetic import synthetic_dataset
from edgeemo.train.datasets.registry import read_evaluation_set

from ...tools.boards import PI5, Board, write_board
from ..samples import FLOAT, INT8, run

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

DATA = "synthetic:train=1,test=150"
QUICK = ["--queries", "30"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """One real run with everything, shared by the tests that look at its results."""
    folder = tmp_path_factory.mktemp("benchmark") / "report"
    return folder, run(FLOAT, INT8, INT8, "--data", DATA, "--limit", "100", "--out", folder, "--queries", "700")


@pytest.fixture(scope="module")
def records(report: tuple[Path, Result]) -> list[BenchmarkRecord]:
    return read_records(report[0] / "records.jsonl")


def test_the_report_has_records_and_table(report: tuple[Path, Result]) -> None:
    folder, result = report
    assert result.exit_code == 0, result.output
    assert {path.name for path in folder.iterdir()} - {"plot.png"} == {"records.jsonl", "report.html", "table.md"}
    assert (folder / "table.md").read_text().startswith("| model |")


def test_the_report_has_a_plot_where_matplotlib_is(report: tuple[Path, Result]) -> None:
    pytest.importorskip("matplotlib")
    assert (report[0] / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_goes_to_stdout_and_progress_to_stderr(report: tuple[Path, Result]) -> None:
    _, result = report
    assert result.stdout.startswith("model")
    assert "latency: 100 of 100" in result.stderr
    assert "latency: " not in result.stdout
    assert "\r" not in result.stderr


def test_records_are_complete(records: list[BenchmarkRecord]) -> None:
    assert [record.quantization for record in records] == ["float32", "int8", "int8"]
    assert len({record.name for record in records}) == 3
    assert len({record.run for record in records}) == 1
    for record in records:
        assert record.n >= 700
        assert record.p50_ms is not None
        assert record.p99_ms is not None
        assert record.p50_ms <= record.bounds_ms["p50"]
        assert record.p50_ms <= record.p99_ms
        assert record.peak_rss_mb >= record.base_rss_mb > 5
        assert record.load_ms > 0
        # Four 3x3 convolutions with stride 2 (48 to 3 pixels, 1-8-12-16-16 channels) and a dense layer of 144 x 7.
        assert record.macs == 9 * (576 * 8 + 144 * 12 * 8 + 36 * 16 * 12 + 9 * 16 * 16) + 144 * 7
        assert record.first_ms > 0
        assert record.input_spec == InputSpec(48, 48)
        assert record.stages is not None
        # Images of the data set, not noise.
        assert record.stages.crop == (48, 48)
        assert record.sha256 != records[0].sha256 or record is records[0]
    assert records[0].ratio is None
    assert [record.ratio.to for record in records[1:] if record.ratio] == [records[0].name] * 2


def test_the_accuracy_is_that_of_the_classifier(records: list[BenchmarkRecord]) -> None:
    data = read_evaluation_set(DATA, "test", limit=100)
    for record, path in zip(records, (FLOAT, INT8, INT8), strict=True):
        found = Classifier.open(path).predict(data.pixels(InputSpec(48, 48))).argmax(axis=1)
        assert record.accuracy is not None
        assert record.accuracy.correct == int((found == data.targets).sum())
        assert (record.accuracy.n, record.accuracy.split) == (100, "test")
        assert record.accuracy.content_hash == data.content_hash
        # A test that would pass with shuffled labels proves nothing.
        assert record.accuracy.correct > 30


def test_json_prints_one_record_a_line() -> None:
    result = run(INT8, *QUICK, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    value = json.loads(line)
    assert value["schema"] == SCHEMA
    assert value["accuracy"] is None
    assert value["p99_ms"] is None or value["n"] >= 662


def test_measure_can_be_called_by_its_name() -> None:
    result = run("measure", INT8, *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["file"] == str(INT8)


def test_a_foreign_model_takes_part_by_its_card(tmp_path: Path) -> None:
    foreign, card = tmp_path / "foreign.tflite", tmp_path / "card.json"
    flatbuffer, _ = split_model(INT8.read_bytes())
    foreign.write_bytes(flatbuffer)
    embedded = read_card(INT8)
    assert embedded is not None
    card.write_text(embedded.to_json())
    result = run(foreign, *QUICK, "--data", DATA, "--limit", "20", "--card", card, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["accuracy"]["n"] == 20


def test_a_pack_is_measured_on_like_the_data_it_was_made_of(tmp_path: Path) -> None:
    data = read_evaluation_set(DATA, "test", limit=60)
    write_pack(tmp_path / "faces.zip", data, origin="60 of 150 images")
    result = run(INT8, *QUICK, "--data", tmp_path / "faces.zip", "--json")
    assert result.exit_code == 0, result.output
    assert "faces.zip: 60 of 150 images" in result.stderr
    accuracy = json.loads(result.stdout)["accuracy"]
    assert (accuracy["n"], accuracy["content_hash"]) == (60, data.content_hash)
    found = Classifier.open(INT8).predict(data.pixels(InputSpec(48, 48))).argmax(axis=1)
    assert accuracy["correct"] == int((found == data.targets).sum())
    assert accuracy["ci95"][0] < accuracy["value"] < accuracy["ci95"][1]


def test_throttling_marks_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "vcgencmd"
    tool.write_text("#!/bin/sh\necho throttled=0x50005\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = run(INT8, *QUICK)
    assert result.exit_code == 0, result.output
    assert "unreliable: the board reports throttled, under-voltage" in result.stdout


@pytest.mark.parametrize(
    ("board", "reason"),
    [
        pytest.param(replace(PI5, governor="powersave"), "the governor powersave holds the clock down", id="governor"),
        pytest.param(PI5, None, id="nothing in the way"),
    ],
)
def test_the_state_of_the_board_decides_the_reliability(tmp_path: Path, board: Board, reason: str | None) -> None:
    write_board(tmp_path, board)
    (record,) = benchmark([INT8], BenchmarkOptions(queries=30, root=tmp_path))
    assert record.device.board == board.model
    assert record.trace is not None
    assert set(record.trace.temperature_mc) == {48212}
    reasons = [found for found in record.reasons if "warm-up" not in found]
    assert reasons == ([reason] if reason else [])
    assert (f"unreliable: {reason}" in text_table([record])) == bool(reason)
    if reason:
        # From there on it goes with the figures, and proves nothing.
        write_records(tmp_path / "slow.jsonl", [record])
        compared = run("compare", tmp_path / "slow.jsonl", tmp_path / "slow.jsonl")
        assert compared.exit_code == 1
        assert f"all records are unreliable ({'; '.join(record.reasons)})" in compared.stderr
        write_report([record], tmp_path / "page.html")
        assert f"All figures are unreliable, do not quote them: {'; '.join(record.reasons)}." in (
            tmp_path / "page.html"
        ).read_text(encoding="utf-8")


def test_without_matplotlib_records_and_table_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run(INT8, *QUICK, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["records.jsonl", "report.html", "table.md"]
    assert "edgeemo[evaluate]" in result.stderr


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("mine")
    result = run(INT8, *QUICK, "--out", tmp_path)
    assert result.exit_code == 1
    assert "is not empty" in result.stderr
    assert (tmp_path / "records.jsonl").read_text() == "mine"
    result = run(INT8, *QUICK, "--out", tmp_path, "--force")
    assert result.exit_code == 0, result.output
    assert len(read_records(tmp_path / "records.jsonl")) == 1


def test_every_model_is_measured_with_every_number_of_threads() -> None:
    found = benchmark([INT8, FLOAT], BenchmarkOptions(threads=[1, 2], queries=20))
    names = [(record.name, record.threads, record.quantization) for record in found]
    card = read_card(INT8)
    assert card is not None
    assert [(threads, kind) for _, threads, kind in names] == [(1, "int8"), (2, "int8"), (1, "float32"), (2, "float32")]
    assert [name.rpartition(", ")[2] for name, *_ in names] == ["1 thread", "2 threads"] * 2
    assert len({name for name, *_ in names}) == 4


def test_a_sustained_run_has_a_trend() -> None:
    (record,) = benchmark([INT8], BenchmarkOptions(queries=20, sustained=0.02))
    assert record.trend is not None
    assert record.trend.minutes * 60 >= 1.2
    assert record.rounds_at_s[-1] == pytest.approx(record.trend.minutes * 60, abs=0.01)
    assert record.trend.low <= record.trend.ratio <= record.trend.high
    assert record.trace is not None
    assert len(record.trace.seconds) >= 3
    assert "times as slow as at the beginning" in text_table([record])


def test_what_happens_while_stages_are_timed_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_board(tmp_path, PI5)

    def stages(*arguments: object, **options: object) -> object:
        for core in range(PI5.cores):
            place = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_max_freq"
            place.write_text("1000000\n")
        return measure_stages(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("edgeemo.benchmarks.probes.stages.measure_stages", stages)
    (record,) = benchmark([INT8], BenchmarkOptions(queries=20, root=tmp_path))
    assert "the highest clock was lowered from 2,400 MHz to 1,000 MHz" in record.reasons
    assert record.stages is not None


def test_frames_are_timed_from_the_file_to_the_label(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.jpg")
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "nobody.png")
    result = run(INT8, "--queries", "10", "--frames", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    stages = json.loads(result.stdout)["stages"]
    assert (stages["frames"], stages["faces"]) == (10, 0.5)
    parts = [stages[name] for name in ("decode", "detect", "preprocess", "invoke", "postprocess")]
    assert min(parts) > 0
    # Medians do not add up, but none is above that of the whole.
    assert stages["total"] > max(parts)
    nobody = run(INT8, "--queries", "10", "--frames", tmp_path / "nobody.png")
    assert nobody.exit_code == 1
    assert "no face was found in the frames" in nobody.stderr


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A folder with what goes wrong."""
    flatbuffer, _ = split_model(INT8.read_bytes())
    (tmp_path / "bare.tflite").write_bytes(flatbuffer)
    (tmp_path / "cut.tflite").write_bytes(flatbuffer[: len(flatbuffer) // 2])
    (tmp_path / "text.tflite").write_text("this is not a model")
    (tmp_path / "empty.tflite").write_bytes(b"")
    two = ModelCard("two", ("no", "yes"), InputSpec(48, 48))
    (tmp_path / "two.tflite").write_bytes(with_card(flatbuffer, two))
    rgb = ModelCard("rgb", tuple("abcdefg"), InputSpec(48, 48, "rgb"))
    (tmp_path / "rgb.tflite").write_bytes(with_card(flatbuffer, rgb))
    (tmp_path / "card.json").write_text("{oops")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param([], 2, "Missing argument 'MODEL...'", id="no model"),
        pytest.param(["none.tflite"], 1, "none.tflite is not there, expected a .tflite model", id="missing"),
        pytest.param(["."], 1, "is a folder, expected a .tflite model", id="folder"),
        pytest.param(["empty.tflite"], 1, "is not a TFLite model", id="empty"),
        pytest.param(["text.tflite"], 1, "is not a TFLite model", id="text"),
        pytest.param(["cut.tflite"], 1, "cut.tflite", id="cut"),
        pytest.param(["two.tflite"], 1, "contradicts the model's output", id="outputs by card"),
        pytest.param(["rgb.tflite"], 1, "contradicts the model's input", id="input by card"),
        pytest.param(["bare.tflite", "--data", DATA], 1, "has no model card", id="no card"),
        pytest.param(["bare.tflite", "--card", "none.json"], 1, "none.json is not there", id="card missing"),
        pytest.param(["bare.tflite", "--card", "card.json"], 1, "card.json is not JSON", id="card broken"),
        pytest.param(["two.tflite", "--data", DATA], 1, "classes that the model does not know", id="labels"),
        pytest.param([INT8, "--data", "none.zip"], 1, "none.zip is not there", id="data missing"),
        pytest.param([INT8, "--data", DATA, "--split", "exam"], 1, "no images in split 'exam'", id="split missing"),
        pytest.param([INT8, "--limit", "5"], 2, "--limit needs --data", id="limit alone"),
        pytest.param([INT8, "--queries", "0"], 2, "'--queries': 0 is not in the range", id="queries"),
        pytest.param([INT8, "--seconds", "-1"], 2, "'--seconds'", id="seconds"),
        pytest.param([INT8, "--frames", "none.jpg"], 1, "none.jpg is not there, expected an image", id="no frame"),
        pytest.param([INT8, "--frames", "card.json"], 1, "card.json is not an image", id="frame is none"),
        pytest.param([INT8, "--frames", "."], 1, "has no images", id="no frames in the folder"),
        pytest.param([INT8, "--threads", "0"], 2, "'--threads'", id="threads"),
        pytest.param([INT8, "--runtime", "onnx"], 2, "'onnx' is not one of", id="runtime"),
    ],
)
def test_errors_are_one_sentence(
    bad: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path], status: int, message: str
) -> None:
    monkeypatch.chdir(bad)
    result = run(*arguments)
    assert result.exit_code == status, result.output
    sentence = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(sentence) == 1
    assert message in sentence[0]
    assert result.stdout == ""


def test_help_shows_an_example() -> None:
    text = run("--help").output
    assert "edgeemo benchmark float.tflite int8.tflite --data" in text
    # Whoever asks for help on the group is shown that of its main command, and must learn of the others there.
    for name in command.commands:
        assert name == "measure" or f"edgeemo benchmark {name} " in text


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "no models"),
        ([INT8], {"queries": 0}, "queries out of range"),
        ([INT8], {"threads": [0]}, "threads out of range"),
        ([INT8], {"runtimes": ["onnx"]}, "unknown runtime"),
        ([INT8], {"sustained": -1.0}, "sustained out of range"),
        ([INT8], {"data": synthetic_dataset(train=1, test=1).take([])}, "has no images"),
    ],
)
def test_errors_of_the_function(models: list[Path], options: dict[str, object], message: str) -> None:
    with pytest.raises(EdgeemoError, match=message):
        benchmark(models, BenchmarkOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choices", "names"),
    [
        ([("a", "x"), ("b", "y")], ["a", "b"]),
        ([("a", "x"), ("a", "y")], ["x", "y"]),
        ([("a", "x"), ("a", "x"), ("b", "y")], ["x #1", "x #2", "b"]),
    ],
)
def test_names_are_unique(choices: list[tuple[str, str]], names: list[str]) -> None:
    assert unique_names(choices) == names


def workers(mark: str) -> list[int]:
    """Processes that carry a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def gone(mark: str) -> bool:
    until = time.monotonic() + 10
    while workers(mark) and time.monotonic() < until:
        time.sleep(0.05)
    return not workers(mark)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_survives_a_stop(tmp_path: Path, number: signal.Signals, status: int) -> None:
    mark = f"EDGEEMO_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    arguments = [sys.executable, "-m", "edgeemo", "benchmark", str(INT8), str(FLOAT), "--seconds", "100"]
    environment = {**os.environ, name: value, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        while "load: 2 of 2" not in (line := process.stderr.readline()):
            assert line, "it ended before it had loaded"
        assert len(workers(mark)) == 3
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == status
    assert gone(mark)
    if number == signal.SIGINT:
        assert rest.split() == ["stopped"]
        assert not list(tmp_path.iterdir())


def test_no_tensorflow() -> None:
    code = (
        "import sys; from edgeemo.benchmarks.options import BenchmarkOptions; "
        "from edgeemo.benchmarks.suite import benchmark; "
        f"benchmark([{str(INT8)!r}], BenchmarkOptions(queries=1)); "
        "print([name for name in ('tensorflow', 'tf_keras', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
