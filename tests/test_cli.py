"""The command line as a whole: what it loads, what it says, how it ends."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeemo import __version__
from edgeemo.cli import COMMANDS, MAINTENANCE, edgeemo, main

HEAVY = """tensorflow tf_keras keras cv2 numpy ai_edge_litert tflite_runtime matplotlib sklearn rich jinja2""".split()


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


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str) -> None:
    assert CliRunner().invoke(edgeemo, [option]).output == f"edgeemo, version {__version__}\n"


#: What the base install leaves out cannot be imported.
BASE = (
    "import sys\n"
    "from edgeemo.edge.common.extras import EXTRAS\n"
    "class Absent:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.split('.')[0] in (*EXTRAS, 'keras', 'ai_edge_quantizer'):\n"
    "            raise ModuleNotFoundError(f'no {name}', name=name)\n"
    "sys.meta_path.insert(0, Absent())\n"
    "from edgeemo.cli import main\n"
)


@pytest.mark.parametrize(
    "words", [(name,) for name in COMMANDS] + [("maintain", name) for name in MAINTENANCE], ids=str
)
def test_every_help_works_on_the_base_install(words: tuple[str, ...]) -> None:
    done = python(f"{BASE}main(sys.argv[1:])", *words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: edgeemo {' '.join(words)} ")


#: Words behind "edgeemo" -> some of what they are completed to.
COMPLETED = {
    "": {"train", "quantize", "predict", "run", "maintain"},
    "qua": {"quantize"},
    "quantize --cali": {"--calibration-size"},
    "models ": {"card", "list", "show", "verify"},
    "maintain re": {"results"},
    "predict --runtime ai": {"ai-edge-litert"},
}


def shell_words(line: str) -> str:
    """Return the words of a line; an empty one follows a space at its end."""
    return line if line and not line.endswith(" ") else f"{line}''"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a program ``edgeemo`` on the base install."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "edgeemo"
    program.write_text(f"#!{sys.executable}\n{BASE}main()\n")
    program.chmod(0o755)
    return folder


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("line", COMPLETED)
def test_completion_in_bash(line: str, script: Path) -> None:
    code = (
        'eval "$(_EDGEEMO_COMPLETE=bash_source edgeemo)"\n'
        f"COMP_WORDS=(edgeemo {shell_words(line)})\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "_edgeemo_completion edgeemo\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {**os.environ, "PATH": f"{script}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert COMPLETED[line] <= set(done.stdout.split()), done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("line", COMPLETED)
def test_completion_in_zsh(line: str, script: Path) -> None:
    # compadd and _describe work at a prompt only; what they are given is printed.
    code = (
        "compdef() { }\n"
        "compadd() { print -l -- ${(P)@[-1]} }\n"
        "_describe() { for name in ${(P)3}; do print -- ${name%%:*}; done }\n"
        'eval "$(_EDGEEMO_COMPLETE=zsh_source edgeemo)"\n'
        f"words=(edgeemo {shell_words(line)})\n"
        "CURRENT=${#words}\n"
        "_edgeemo_completion\n"
    )
    environment = {**os.environ, "PATH": f"{script}:{os.environ['PATH']}"}
    done = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert COMPLETED[line] <= set(done.stdout.split()), done.stderr


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


@pytest.mark.parametrize("words", [("models", "list"), ("doctor",)], ids=str)
def test_verbose_shows_versions_time_and_memory_on_standard_error(words: tuple[str, ...]) -> None:
    plain, verbose = (
        python("import sys; from edgeemo.cli import main; main(sys.argv[1:])", *words, *more) for more in ((), ("-v",))
    )
    assert "edgeemo" not in plain.stderr
    first, *_, last = verbose.stderr.splitlines()
    assert first.startswith("edgeemo ")
    assert re.fullmatch(r"took \d+\.\d\d s, [\d,]+ MB of memory at most", last)
    assert verbose.returncode == plain.returncode
