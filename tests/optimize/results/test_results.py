"""``edgeemo results`` as a user calls it: every figure from its card or record, every gap with its command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from edgeemo.edge.common.files import sha256_file
from edgeemo.edge.model.card import Quantization, read_card, with_card
from edgeemo.optimize.results.table import END, START
from edgeemo.train.config.recipe import load_recipe

from ...benchmarks.samples import sample
from ...tools.command import run as edgeemo

WHERE = {"data": "faces.zip", "split": "test", "content_hash": "ab" * 32}
FLOAT = {**WHERE, "accuracy": 0.8, "ci95": [0.77, 0.83], "correct": 560, "n": 700}
INT8 = {**FLOAT, "accuracy": 0.79, "ci95": [0.76, 0.82], "correct": 553}
DRIFT = {**WHERE, "reference": "demo", "n": 700, "difference": -1.0, "ci95": [-2.0, 0.25], "worst_loss": 2.0}
MEASURED = {"float32 test": FLOAT, "test": INT8, "drift": {**DRIFT, "agreement": 0.975}}


def summary(*words: object) -> Result:
    return edgeemo("results", *words)


def rows(text: str) -> list[list[str]]:
    """Cells of the Markdown table, the head first, without its rule."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in (lines[0], *lines[2:])]


def make_model(path: Path, source: Path, method: str, metrics: dict[str, Any] | None = None) -> Path:
    card = read_card(source)
    assert card is not None
    card = replace(
        card,
        name=f"demo-{method}",
        metrics=metrics or {},
        quantization=Quantization(method),
        provenance=replace(card.provenance, recipe="demo"),
    )
    path.write_bytes(with_card(source.read_bytes(), card))
    return path


@pytest.fixture
def run(tmp_path: Path, tiny_int8: Path, tiny_float: Path) -> Path:
    """A finished run with three models, as train and quantize leave it; only the int8 one is measured."""
    folder = tmp_path / "runs" / "demo"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(load_recipe("demo").to_toml())
    (folder / "run.json").write_text(json.dumps({"data": "/home/somebody/faces.zip"}))
    (folder / "metrics.json").write_text(json.dumps({"parameters": 12_345}))
    (folder / "card.json").write_text("{}")
    make_model(folder / "demo-float32.tflite", tiny_float, "float32")
    make_model(folder / "demo-int8.tflite", tiny_int8, "int8", MEASURED)
    make_model(folder / "demo-qat.tflite", tiny_int8, "qat")
    return folder


def record(model: Path, *rounds: float, run: str = "20260101", **changes: Any) -> str:
    card = read_card(model)
    assert card is not None
    made = sample(
        run=run,
        name=card.name,
        sha256=sha256_file(model),
        macs=249_840,
        p50_ms=rounds[0],
        mean_ms=rounds[0],
        rounds_ms=rounds,
    )
    return replace(made, **changes).to_json() + "\n"


def test_every_figure_stands_in_its_column(run: Path) -> None:
    head, row = rows(summary(run).stdout)
    size = [f"{(run / f'demo-{method}.tflite').stat().st_size / 1000:,.0f}" for method in ("float32", "int8", "qat")]
    assert dict(zip(head, row, strict=True)) == {
        "system": "`demo`",
        "parameters": "12,345",
        "M MACs": "0.2",
        "published": "ours; no publication",
        "measured on": "faces.zip test, n = 700",
        "float32": "80.00% [77.00, 83.00]",
        "int8 PTQ": "79.00% [76.00, 82.00]",
        "int8 QAT": "-",
        "change, points": "PTQ -1.00 [-2.00, +0.25]<br>QAT -",
        "agreement": "PTQ 97.5%<br>QAT -",
        "KB": " / ".join(size),
        "ms": "-",
    }


def test_what_is_missing_comes_with_its_command_and_without_private_paths(run: Path) -> None:
    output = summary(run).stdout
    validate = f"edgeemo validate {run} {run}/demo-qat.tflite --data faces.zip --split test --record"
    assert f"- demo lacks qat accuracy and drift: `{validate}`\n" in output
    assert "- demo lacks latency (--records report/records.jsonl): `edgeemo benchmark " in output
    assert "int8 accuracy" not in output
    assert "/home/somebody" not in output


def test_json_has_the_same_with_null_for_what_is_missing(run: Path) -> None:
    (found,) = json.loads(summary(run, "--json").stdout)
    assert (found["system"], found["parameters"], found["macs"], found["latency"]) == ("demo", 12_345, 249_840, {})
    assert found["models"]["int8"]["accuracy"]["n"] == 700
    assert found["models"]["int8"]["change"]["agreement"] == 0.975
    assert (found["models"]["qat"]["accuracy"], found["models"]["qat"]["change"]) == (None, None)
    assert [gap["what"] for gap in found["missing"]] == [
        "qat accuracy and drift",
        "latency (--records report/records.jsonl)",
    ]


@pytest.mark.parametrize(
    ("gone", "lacks", "command"),
    [
        (("demo-qat.tflite",), "qat", "edgeemo quantize {run} --method qat"),
        (("demo-int8.tflite", "demo-qat.tflite"), "float32 accuracy", "edgeemo validate {run} {run}/demo-float32"),
        (("metrics.json",), "parameters", "edgeemo inspect demo"),
        (("card.json",), "everything", "edgeemo train --resume {run}"),
    ],
)
def test_each_gap_names_the_command_that_fills_it(run: Path, gone: tuple[str, ...], lacks: str, command: str) -> None:
    for name in gone:
        (run / name).unlink()
    assert f"- demo lacks {lacks}: `{command.format(run=run)}" in summary(run).stdout


def test_a_command_names_the_chosen_classes(run: Path) -> None:
    choice = {"classes": "low=sad+fear,happy", "angles": ["S"]}
    (run / "run.json").write_text(json.dumps({"data": "my faces.zip", "skip_bad": True, "choice": choice}))
    options = "--data 'my faces.zip' --classes low=sad+fear,happy --angles S --skip-bad --split test --record"
    assert f"demo-qat.tflite {options}`" in summary(run).stdout


def test_a_difference_from_another_model_than_the_float_one_is_not_shown(run: Path, tiny_int8: Path) -> None:
    drift = {**MEASURED["drift"], "reference": "demo-qat"}
    make_model(run / "demo-int8.tflite", tiny_int8, "int8", {"test": INT8, "drift": drift})
    row = rows(summary(run).stdout)[1]
    assert "79.00% [76.00, 82.00]" in row
    assert "PTQ -<br>QAT -" in row


@pytest.mark.parametrize(("hash_of_qat", "doubted"), [("ab" * 32, False), ("cd" * 32, True), ("", False)])
def test_images_differ_when_their_hashes_do(run: Path, tiny_int8: Path, hash_of_qat: str, doubted: bool) -> None:
    for method, content_hash in (("int8", "ab" * 32), ("qat", hash_of_qat)):
        figure = {**INT8, "content_hash": content_hash}
        drift = {**MEASURED["drift"], "content_hash": content_hash}
        make_model(run / f"demo-{method}.tflite", tiny_int8, method, {"test": figure, "drift": drift})
    make_model(run / "demo-float32.tflite", tiny_int8, "float32", {"test": {**INT8, "content_hash": "ab" * 32}})
    assert ("are of different images" in summary(run).stdout) == doubted


def test_accuracies_on_different_images_are_said_to_be_so(run: Path, tiny_int8: Path) -> None:
    other = {**INT8, "data": "others.zip", "content_hash": "cd" * 32}
    make_model(run / "demo-qat.tflite", tiny_int8, "qat", {"test": other, "drift": MEASURED["drift"]})
    output = summary(run).stdout
    assert "- demo: its accuracies are of different images (float32 on faces.zip test, n = 700, int8 on" in output
    assert "faces.zip test, n = 700; others.zip test, n = 700" in output


def test_models_compared_with_different_floats_are_said_to_be_so(run: Path, tiny_int8: Path) -> None:
    other = {**MEASURED, "float32 test": {**FLOAT, "accuracy": 0.75}}
    make_model(run / "demo-qat.tflite", tiny_int8, "qat", other)
    assert "- demo: its models were compared with float models of 75.00% and 80.00%\n" in summary(run).stdout


def test_two_runs_of_a_recipe_are_told_apart(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "runs" / "again")
    assert [row[0] for row in rows(summary(run, tmp_path / "runs" / "again").stdout)[1:]] == [
        "`demo` (demo)",
        "`demo` (again)",
    ]


@pytest.mark.parametrize(
    ("changes", "cell"),
    [
        ({}, "0.400 / 0.100 (0.25)"),
        ({"reasons": ("the clock fell",)}, "0.400 / 0.100 (0.25) *"),
        ({"sha256": "00" * 32}, "0.400 / 0.100 (0.25)"),
        ({"sha256": "00" * 32, "macs": 1}, "-"),
        ({"run": "20260102"}, "-"),
    ],
    ids=["exact", "unreliable", "card written since", "another model", "another run"],
)
def test_latency_is_of_one_run(run: Path, tmp_path: Path, changes: dict[str, Any], cell: str) -> None:
    # The medians of the rounds give the ratio: 0.1 / 0.4, 0.2 / 0.8 and, in a disturbed round, 0.3 / 0.4.
    lines = record(run / "demo-float32.tflite", 0.4, 0.8, 0.4) + record(
        run / "demo-int8.tflite", 0.1, 0.2, 0.3, **changes
    )
    path = tmp_path / "records.jsonl"
    path.write_text(lines)
    output = summary(run, "--records", path).stdout
    assert rows(output)[1][-1] == cell
    assert ("measured before the cards were last written" in output) is (changes == {"sha256": "00" * 32})
    assert ("Raspberry Pi 5, 4 cores" in output) is (cell != "-")


def test_a_row_for_each_model_has_every_method_with_its_bound(run: Path, tmp_path: Path, tiny_int8: Path) -> None:
    wide = make_model(run / "demo-int16x8.tflite", tiny_int8, "int16x8", MEASURED)
    path = tmp_path / "records.jsonl"
    path.write_text(
        record(run / "demo-float32.tflite", 0.4)
        + record(run / "demo-int8.tflite", 0.1)
        + record(wide, 0.8, reasons=("the clock fell",))
    )
    head, *lines = rows(summary(run, "--by-model", "--records", path).stdout)
    chosen = ("model", "accuracy", "change, points", "loss at most", "agreement", "ms", "of float32")
    places = [head.index(name) for name in chosen]
    measured = ["79.00% [76.00, 82.00]", "-1.00 [-2.00, +0.25]", "2.00", "97.5%"]
    assert [[line[place] for place in places] for line in lines] == [
        ["float32", "80.00% [77.00, 83.00]", "-", "-", "-", "0.400", "-"],
        ["int8 PTQ", *measured, "0.100", "0.25"],
        ["int8 QAT", "-", "-", "-", "-", "-", "-"],
        ["int16x8", *measured, "0.800", "2.00 *"],
    ]
    # Only what every system is to have is asked for in the other table.
    assert "int16x8" not in summary(run).stdout


def test_the_latest_benchmark_counts(run: Path, tmp_path: Path) -> None:
    models = run / "demo-float32.tflite", run / "demo-int8.tflite"
    path = tmp_path / "records.jsonl"
    path.write_text(
        "".join(record(model, ms, run=day) for day, ms in (("20260102", 2.0), ("20260101", 1.0)) for model in models)
    )
    assert rows(summary(run, "--records", path).stdout)[1][-1] == "2.00 / 2.00 (1.00)"


def test_models_without_their_run_are_a_system_of_their_own(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "models")
    for name in ("recipe.toml", "run.json", "metrics.json"):
        (tmp_path / "models" / name).unlink()
    head, row = rows(summary(tmp_path / "models").stdout)
    found = dict(zip(head, row, strict=True))
    assert (found["system"], found["parameters"], found["int8 PTQ"]) == ("`demo`", "-", "79.00% [76.00, 82.00]")
    assert found["published"] == "ours; no publication"


def test_models_beside_a_run_fill_its_gaps(run: Path, tmp_path: Path, tiny_int8: Path) -> None:
    beside = tmp_path / "published"
    beside.mkdir()
    (run / "demo-int8.tflite").rename(beside / "demo-int8.tflite")
    make_model(beside / "demo-qat.tflite", tiny_int8, "qat", {"test": INT8, "drift": MEASURED["drift"]})
    row = rows(summary(run, beside).stdout)[1]
    assert row[1] == "12,345"
    assert row[6:8] == ["79.00% [76.00, 82.00]"] * 2


def known_earlier(run: Path, *words: object) -> Path:
    """What is known of the run, in a file that is all that is left of it."""
    path = run.parent.parent / "known.json"
    path.write_text(summary(run, "--json", *words).stdout)
    return path


@pytest.mark.parametrize("form", [(), ("--by-model",), ("--json",)], ids=str)
def test_a_row_outlives_its_run(run: Path, tmp_path: Path, form: tuple[str, ...]) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(record(run / "demo-float32.tflite", 0.4) + record(run / "demo-int8.tflite", 0.1))
    before = summary(run, "--records", records, *form).stdout
    known = known_earlier(run, "--records", records)
    shutil.rmtree(run)
    assert summary(known, *form).stdout == before
    assert "0.25" in before


def test_a_run_takes_the_place_of_what_was_known_of_it(run: Path, tmp_path: Path, tiny_int8: Path) -> None:
    known = json.loads(known_earlier(run).read_text())
    path = tmp_path / "known.json"
    path.write_text(json.dumps([*known, {**known[0], "system": "another"}]))
    make_model(run / "demo-qat.tflite", tiny_int8, "qat", MEASURED)
    (run / "demo-int8.tflite").unlink()
    table = rows(summary(path, run).stdout)[1:]
    assert [(row[0], row[6], row[7]) for row in table] == [
        ("`demo`", "-", "79.00% [76.00, 82.00]"),
        ("`another`", "79.00% [76.00, 82.00]", "-"),
    ]


def test_two_runs_of_a_recipe_outlive_both_of_them(run: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(run, tmp_path / "runs" / "again"))
    path = tmp_path / "known.json"
    path.write_text(summary(run, again, "--json").stdout)
    before = summary(run, again).stdout
    for folder in (run, again):
        shutil.rmtree(folder)
    assert summary(path).stdout == before
    assert summary(path, path).stdout == before


def test_latencies_of_two_machines_name_their_systems(run: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(record(run / "demo-float32.tflite", 0.4) + record(run / "demo-int8.tflite", 0.1))
    path = known_earlier(run, "--records", records)
    (known,) = json.loads(path.read_text())
    assert "\n- ms: median latency" in summary(path).stdout
    elsewhere = {**known["latency"]["int8"], "where": "on another machine"}
    path.write_text(json.dumps([known, {**known, "system": "another", "latency": {"int8": elsewhere}}]))
    output = summary(path).stdout
    assert "\n- ms of demo: median latency" in output
    assert "\n- ms of another: median latency and its ratio to float32 in one run, on another machine\n" in output


def test_a_model_takes_the_place_of_what_was_known_of_its_method(run: Path, tmp_path: Path, tiny_int8: Path) -> None:
    known = known_earlier(run)
    again = {**MEASURED, "test": {**INT8, "accuracy": 0.7}}
    for method, metrics in (("int8", again), ("float32", None)):
        make_model(tmp_path / f"demo-{method}.tflite", tiny_int8, method, metrics)
    (row,) = rows(summary(known, tmp_path / "demo-int8.tflite", tmp_path / "demo-float32.tflite").stdout)[1:]
    assert (row[1], row[5], row[6]) == ("12,345", "80.00% [77.00, 83.00]", "70.00% [76.00, 82.00]")


def test_the_readme_s_block_is_replaced_and_nothing_else(run: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_bytes(f"# Title\r\n\n{START}\nold\n{END}\n\nrest\r\n".encode())
    assert summary(run, "--readme", readme).exit_code == 0
    text = readme.read_bytes().decode()
    assert text.startswith(f"# Title\r\n\n{START}\n| system | ")
    assert text.endswith(f"`\n{END}\n\nrest\r\n")
    assert "old" not in text
    assert summary(run, "--readme", readme).stdout == ""
    assert readme.read_bytes().decode() == text


@pytest.mark.parametrize("text", ["no marks", START, END, f"{END}\n{START}", f"{START}{END}{START}{END}"])
def test_a_readme_without_a_place_for_the_table_is_left_alone(run: Path, tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    result = summary(run, "--readme", readme)
    assert (result.exit_code, readme.read_text()) == (1, text)
    assert "has no place for the table, expected one line <!-- results -->" in result.stderr


def test_the_table_goes_into_a_file_that_is_not_overwritten_unasked(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.md"
    assert (summary(run, "--out", out).exit_code, summary(run, "--out", out).exit_code) == (0, 1)
    assert summary(run, "--out", out, "--force").exit_code == 0
    assert rows(out.read_text())[1][0] == "`demo`"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "Missing argument 'RUN...'"),
        (("absent",), 1, "absent is not there, expected a run folder or a .tflite model"),
        (("empty",), 1, "empty holds no model with a card, expected a run folder or a .tflite model"),
        (("text",), 1, "text holds no model with a card"),
        (("twice",), 1, "there are several int8 models of demo"),
        (("cut.json",), 1, "cut.json holds no systems (JSONDecodeError: "),
        (
            ("other.json",),
            1,
            "other.json holds no systems (KeyError: 'data'), expected what edgeemo results",
        ),
        (("cut",), 1, "cut/demo-int8.tflite is not a readable TFLite model"),
        (("RUN", "--records", "absent.jsonl"), 1, "absent.jsonl is not there, expected benchmark records"),
        (("RUN", "--records", "text"), 1, "text, line 1 is not JSON"),
        (("RUN", "--records", "empty"), 1, "empty cannot be read"),
        (("RUN", "--records", "short"), 1, "short, line 1 is not a valid benchmark record (missing"),
        (("RUN", "--records", "odd"), 1, "odd, line 1 has another format"),
        (("RUN", "--readme", "absent.md"), 1, "absent.md is not there, expected a Markdown file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_one_sentence(
    words: tuple[str, ...], code: int, sentence: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "twice", "cut"):
        Path(name).mkdir()
    Path("text").write_text("hello")
    Path("cut.json").write_text('[{"system": "demo"')
    Path("other.json").write_text('[{"system": "demo", "run": null, "published": null}]')
    Path("odd").write_text('{"schema": "?"}\n')
    Path("short").write_text('{"schema": 1, "run": "x"}\n')
    for name in ("a", "b"):
        shutil.copy(run / "demo-int8.tflite", f"twice/{name}.tflite")
    data = (run / "demo-int8.tflite").read_bytes()
    card = read_card(run / "demo-int8.tflite")
    assert card is not None
    Path("cut/demo-int8.tflite").write_bytes(with_card(data[:2000], card))
    result = summary(*(str(run) if word == "RUN" else word for word in words))
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_no_tensorflow_is_loaded(run: Path) -> None:
    code = "import sys; from edgeemo.cli import main\ntry: main(sys.argv[1:])\n"
    code += "except SystemExit: print([m for m in ('tensorflow', 'tf_keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, "results", run], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
