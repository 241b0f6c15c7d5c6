"""``edgeemo inspect MODEL`` as a user calls it: on real models, broken ones, and with a compiler on the PATH."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.edge.inference.interpreter import installed_runtimes
from edgeemo.edge.inspection.report import Inspection
from edgeemo.edge.model.zoo import ModelZoo
from edgeemo.edge.tflite.container import split_model

SHIPPED = ModelZoo.open()
compiler_runs = pytest.mark.native("starts a program that this machine's Python stands for")
on_litert = pytest.mark.skipif(installed_runtimes()[0] != "ai-edge-litert", reason="the rules are those of LiteRT")


def inspect(*words: object) -> Result:
    return CliRunner().invoke(edgeemo, ["inspect", *map(str, words)])


def test_the_table_has_every_operator_and_the_totals(tiny_int8: Path) -> None:
    lines = inspect(tiny_int8).output.splitlines()
    rows = [line.split() for line in lines]
    assert ["labels", "angry,", "disgust,", "fear,", "happy,", "sad,", "surprise,", "neutral"] in rows
    first = next(row for row in rows if row[:2] == ["0", "CONV_2D"])
    assert first[2:5] == ["RELU", "1x24x24x8", "int8"]
    assert first[7:] == ["8x3x3x1", "int8,", "8", "scales", "104", "41,472", "yes", "yes"]
    total = next(row for row in rows if row[:1] == ["total"])
    assert total[1:] == ["6,220", "249,840", "6/7", "7/7"]
    assert "  SOFTMAX x1: no kernel for int8" in lines
    assert "* Edge TPU, predicted: 7 of 7 operators are mapped" in lines
    assert any(line.startswith("  their parameters: 6,220 bytes of 8,388,608 on the chip (0.1%)") for line in lines)


def test_json_has_the_same(tiny_int8: Path) -> None:
    found = json.loads(inspect(tiny_int8, "--json").stdout)
    assert found["card"]["name"] == "tiny_int8"
    assert found["totals"] == {"operators": 7, "macs": 249_840, "constant_bytes": 6_220}
    assert sum(operator["macs"] for operator in found["operators"]) == 249_840
    kernel = found["operators"][0]["inputs"][1]
    assert (kernel["shape"], kernel["type"], len(kernel["scales"]), kernel["axis"]) == ([8, 3, 3, 1], "INT8", 8, 0)
    assert found["operators"][-1]["xnnpack"] == {"taken": False, "reason": "no kernel for int8"}
    assert found["edgetpu_predicted"] == {"mapped": 7, "parameter_bytes": 6_220, "cache_bytes": 8 * 2**20}


def test_a_float_model_is_not_for_the_edge_tpu(tiny_float: Path) -> None:
    output = inspect(tiny_float).output
    assert "takes 7 of 7 operators, 100.0% of the MACs" in output
    assert "predicted: 0 of 7 operators are mapped" in output
    assert "CONV_2D x4: Operation is working on an unsupported data type" in output


@pytest.mark.parametrize("name", [SHIPPED.names[0], "large"])
def test_a_shipped_name_is_a_model(name: str) -> None:
    assert inspect(name).output.startswith("file  ")


def test_no_tensorflow_is_loaded(tiny_int8: Path) -> None:
    code = "import sys; from edgeemo.cli import main\ntry: main(sys.argv[1:])\n"
    code += "except SystemExit: print([m for m in ('tensorflow', 'tf_keras') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", tiny_int8], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@on_litert
@pytest.mark.parametrize("name", SHIPPED.names)
def test_the_runtime_does_what_the_rules_say(name: str) -> None:
    found = Inspection.of(SHIPPED.path(SHIPPED.entry(name)))
    assert found.delegated
    assert found.surprises == []


@pytest.mark.skipif("tflite-runtime" not in installed_runtimes(), reason="needs the classic runtime")
def test_the_classic_runtime_is_said_to_do_otherwise(tiny_int8: Path) -> None:
    assert "here hands it none of them" in inspect(tiny_int8, "--runtime", "tflite-runtime").output


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("absent.tflite",), 1, "absent.tflite is not there, expected a .tflite model"),
        (("text",), 1, "text is not a readable TFLite model (the mark TFL3 is missing)"),
        (("empty.tflite",), 1, "empty.tflite is not a readable TFLite model"),
        (("cut.tflite",), 1, "cut.tflite is not a readable TFLite model"),
        (("folder.tflite",), 1, "folder.tflite cannot be read (Is a directory)"),
        (("whole.tflite", "--num-classes", "3"), 2, "--set and --num-classes are for a recipe"),
        (("whole.tflite", "--compile", "hailo"), 2, "'hailo' is not 'edgetpu'"),
        (("whole.tflite", "--compile", "edgetpu"), 1, "edgetpu_compiler is not on the PATH; install it as"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_one_sentence(
    words: tuple[str, ...], code: int, sentence: str, tiny_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    data = tiny_int8.read_bytes()
    files = {"text": b"hello, this is text", "empty.tflite": b"", "whole.tflite": data, "cut.tflite": data[:4000]}
    for name, content in files.items():
        Path(name).write_bytes(content)
    Path("folder.tflite").mkdir()
    result = inspect(*words)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_a_model_without_a_card_is_shown_all_the_same(tiny_int8: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(split_model(tiny_int8.read_bytes())[0])
    assert "card     none" in inspect(bare).output


def test_a_model_that_no_runtime_loads_is_shown_with_the_reason(tiny_int8: Path, tmp_path: Path) -> None:
    """As the Edge TPU compiler's own output, whose operator only its delegate knows."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(tiny_int8.read_bytes()), 0))
    code = model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex]
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, b"edgetpu-custom-op\x1b[2J"
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex] is code:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "compiled.tflite"
    path.write_bytes(bytes(builder.Output()))
    result = inspect(path)
    assert result.exit_code == 0
    assert "edgetpu-custom-op\ufffd[2J" in result.output
    assert "not compared with a runtime: " in result.output
    assert "is compiled for the Edge TPU and cannot run without it" in result.output
    # A file that does not have the compiler's name does not tell what it was made from.
    assert "compiled.tflite.tflite" not in result.output


COMPILER = """#!{python}
import pathlib, sys
assert sys.argv[1:3] == ["-s", "-o"]
folder, model = map(pathlib.Path, sys.argv[3:])
assert model.read_bytes()[4:8] == b"TFL3"
{body}
"""
COMPILES = """
print('''Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 67 ms.

Input model: model.tflite
Input size: 12.34KiB
Output model: model_edgetpu.tflite
Output size: 56.06KiB
On-chip memory used for caching model parameters: 7.75KiB
On-chip memory remaining for caching model parameters: 7.90MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 7
Operation log: model_edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded! ''')
(folder / "model_edgetpu.tflite").write_bytes(model.read_bytes())
(folder / "model_edgetpu.log").write_text('''Edge TPU Compiler version 16.0.384591198
Input: model.tflite
Output: model_edgetpu.tflite

Operator                       Count      Status

CONV_2D                        4          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
FULLY_CONNECTED                1          Mapped to Edge TPU
{softmax}
{rest}''')
"""
AS_PREDICTED = COMPILES.replace("{softmax}", "SOFTMAX                        1          Mapped to Edge TPU").replace(
    "{rest}", ""
)
OTHERWISE = COMPILES.replace(
    "{rest}",
    "Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will "
    "instead run on the CPU, which is slower.\nNumber of operations that will run on Edge TPU: 6\n"
    "Number of operations that will run on CPU: 1\n",
).replace(
    "{softmax}",
    "SOFTMAX                        1          Operation is otherwise supported, but not mapped due to some "
    "unspecified limitation",
)
REFUSES = """
print("Edge TPU Compiler version 16.0.384591198")
print("ERROR: Attempting to use a delegate that only supports static-sized tensors.", file=sys.stderr)
print("Internal compiler error. Aborting!")
sys.exit(1)
"""
SILENT = """(folder / "model_edgetpu.log").write_text("Edge TPU Compiler version 16.0\\n")"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A program named edgetpu_compiler that does what the parameter says; its words are the real one's."""
    program = tmp_path / "bin" / "edgetpu_compiler"
    program.parent.mkdir()
    program.write_text(COMPILER.format(python=sys.executable, body=request.param))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


@compiler_runs
@pytest.mark.parametrize(
    ("compiler", "said"),
    [
        (AS_PREDICTED, "  as predicted"),
        (OTHERWISE, "otherwise than predicted: SOFTMAX: 1 predicted to be mapped, 0 are"),
    ],
    indirect=["compiler"],
    ids=["as predicted", "otherwise"],
)
@pytest.mark.usefixtures("compiler")
def test_the_compiler_s_log_is_held_against_the_prediction(said: str, tiny_int8: Path) -> None:
    output = inspect(tiny_int8, "--compile", "edgetpu").output
    assert "Edge TPU compiler 16.0.384591198" in output
    assert "  CONV_2D x4: Mapped to Edge TPU" in output
    assert "  on chip: 7.75KiB" in output
    assert said in output
    found = json.loads(inspect(tiny_int8, "--compile", "edgetpu", "--json").stdout)["edgetpu_compiled"]
    assert bool(found["differences"]) is ("otherwise" in said)
    assert sum(row["count"] for row in found["log"]) == 7


@compiler_runs
@pytest.mark.parametrize(
    ("compiler", "sentence"),
    [
        (REFUSES, "refused {model} (ERROR: Attempting to use a delegate that only supports static-sized tensors.)"),
        ("pass", "refused {model} (exit code 0)"),
        (SILENT, "the log of edgetpu_compiler for {model} lists no operators"),
    ],
    indirect=["compiler"],
    ids=["refuses", "no log", "empty log"],
)
@pytest.mark.usefixtures("compiler")
def test_a_compiler_that_fails_is_one_sentence(sentence: str, tiny_int8: Path) -> None:
    result = inspect(tiny_int8, "--compile", "edgetpu")
    assert result.exit_code == 1
    assert sentence.format(model=tiny_int8) in result.stderr
