"""The command line as a whole: what it loads, what it says, how it ends."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from edgeemo import __version__
from edgeemo.cli import COMMANDS, edgeemo, main

HEAVY = ("tensorflow", "tf_keras", "keras", "cv2", "numpy", "ai_edge_litert", "tflite_runtime", "matplotlib", "sklearn")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import edgeemo",
        "from click.testing import CliRunner; from edgeemo.cli import edgeemo; CliRunner().invoke(edgeemo, ['--help'])",
    ],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    done = python(f"{code}\nimport sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.flaky(reruns=2)
def test_help_is_within_three_times_of_importing_click() -> None:
    def seconds(code: str) -> float:
        began = time.perf_counter()
        python(code)
        return time.perf_counter() - began

    # In turns, so that a slow moment hits both.
    pairs = [(seconds("import click"), seconds("from edgeemo.cli import main; main(['--help'])")) for _ in range(7)]
    assert statistics.median(ours / theirs for theirs, ours in pairs) < 3


def test_version() -> None:
    assert CliRunner().invoke(edgeemo, ["--version"]).output == f"edgeemo, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name: str) -> None:
    arguments = ["data", "audit", "--help"] if name == "data" else [name, "--help"]
    result = CliRunner().invoke(edgeemo, arguments)
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"edgeemo {name}" in result.output


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(edgeemo, ["--help"]).output
    assert all(f"\n  {name} " in output for name in COMMANDS)


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(edgeemo, ["fly"])
    assert (result.exit_code, "No such command 'fly'" in result.output) == (2, True)


@pytest.mark.parametrize(("debug", "traced"), [([], False), (["--debug"], True)])
def test_a_traceback_is_shown_only_on_request(debug: list[str], traced: bool) -> None:
    code = "import sys; from edgeemo.cli import main; main(sys.argv[1:])"
    done = python(code, *debug, "predict", "no-such.tflite", "no-such.jpg")
    assert done.returncode == 1
    assert "Error: no-such.tflite is not there, expected a .tflite model" in done.stderr
    assert ("Traceback" in done.stderr) is traced


def test_a_reader_that_leaves_is_no_error() -> None:
    code = "import sys; from edgeemo.cli import main; main(['data', 'audit', '--help'])"
    with subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(0.5)\n{code}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), said) == (0, b"")


def test_running_out_of_memory_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    # A dense layer of 800 TB: more than any machine can allocate.
    with pytest.raises(SystemExit) as ended:
        main(["inspect", "happy-sad", "--set", "architecture.dense=2000000000"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("Error: this ran out of memory; take fewer or smaller images")
