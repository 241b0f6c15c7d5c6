"""Counting instructions, as far as it goes without an emulated system: tests/arm counts for real."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.benchmarks.commands.benchmark import command
from edgeemo.benchmarks.instructions.count import InstructionCounter, Instructions
from edgeemo.benchmarks.instructions.emulator import compile_counter
from edgeemo.benchmarks.instructions.markers import BASE, Mark, mark, read_marks
from edgeemo.benchmarks.record import BenchmarkRecord
from edgeemo.benchmarks.report.table import markdown_table, text_table
from edgeemo.edge.common.errors import EdgeemoError

from ...conftest import raises
from ..samples import INT8, sample

A72 = Instructions(
    processor="Cortex-A72",
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    delegate="xnnpack",
    invoke=7_367_442,
    classes={"mac": 1_067_442, "simd": 4_200_000, "load": 2_100_000},
    spread=0.0007,
    n=7,
    stages={"preprocess": {"mac": 6, "simd": 455_994}, "invoke": {"mac": 7_364_801}, "postprocess": {"load": 41_792}},
    packages={"python": "3.11.2", "numpy": "1.26.4"},
    emulator="7.2.22",
)
A76 = replace(A72, processor="Cortex-A76", invoke=2_960_000, classes={"mac": 2_960_000})
HEAD = "mark threads mac load"

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
needs_qemu = pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="there is no qemu-aarch64")


@pytest.fixture(scope="module")
def class_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """The class that counter.c gives an instruction."""
    path = tmp_path_factory.mktemp("counter") / "counter.so"
    compile_counter(path)
    # What it takes from QEMU is missing here, and not called.
    library = ctypes.CDLL(str(path), os.RTLD_LAZY)
    names = (ctypes.c_char_p * 7).in_dll(library, "class_names")
    return lambda word: names[library.class_of(ctypes.c_uint32(word))].decode()


# Words by GNU as. What differs from its neighbor in one field only stands beside it.
@needs_gcc
@pytest.mark.parametrize(
    ("instruction", "word", "kind"),
    [
        ("smlal v0.4s, v1.4h, v2.h[1]", 0x0F522020, "mac"),
        ("umlsl2 v0.4s, v1.8h, v2.8h", 0x6E62A020, "mac"),
        ("mla v0.4s, v1.4s, v2.4s", 0x4EA29420, "mac"),
        ("mls v0.4s, v1.4s, v2.s[1]", 0x6FA24020, "mac"),
        ("sqdmlal s0, h1, h2", 0x5E629020, "mac"),
        ("fmla v0.4s, v1.4s, v2.4s", 0x4E22CC20, "mac"),
        ("fmls v0.4s, v1.4s, v2.s[3]", 0x4FA25820, "mac"),
        ("fmla v0.8h, v1.8h, v2.8h", 0x4E420C20, "mac"),
        ("fmlal v0.4s, v1.4h, v2.4h", 0x4E22EC20, "mac"),
        ("fmlal2 v0.4s, v1.4h, v2.h[1]", 0x6F928020, "mac"),
        ("fmadd s0, s1, s2, s3", 0x1F020C20, "mac"),
        ("fnmsub d0, d1, d2, d3", 0x1F628C20, "mac"),
        ("sdot v0.4s, v1.16b, v2.4b[1]", 0x4FA2E020, "mac"),
        ("udot v0.4s, v1.16b, v2.16b", 0x6E829420, "mac"),
        ("usdot v0.4s, v1.16b, v2.4b[1]", 0x4FA2F020, "mac"),
        ("smmla v0.4s, v1.16b, v2.16b", 0x4E82A420, "mac"),
        ("bfdot v0.4s, v1.8h, v2.8h", 0x6E42FC20, "mac"),
        ("sqrdmlah v0.4s, v1.4s, v2.4s", 0x6E828420, "mac"),
        ("fcmla v0.4s, v1.4s, v2.4s, #90", 0x6E82CC20, "mac"),
        ("fcadd v0.4s, v1.4s, v2.4s, #90", 0x6E82E420, "simd"),
        ("smull v0.8h, v1.8b, v2.8b", 0x0E22C020, "simd"),
        ("smull v0.4s, v1.4h, v2.h[1]", 0x0F52A020, "simd"),
        ("mul v0.4s, v1.4s, v2.s[1]", 0x4FA28020, "simd"),
        ("mul v0.4s, v1.4s, v2.4s", 0x4EA29C20, "simd"),
        ("fmul v0.4s, v1.4s, v2.s[1]", 0x4FA29020, "simd"),
        ("fmul s0, s1, s2", 0x1E220820, "simd"),
        ("facge v0.4s, v1.4s, v2.4s", 0x6E22EC20, "simd"),
        ("sqdmulh v0.4s, v1.4s, v2.4s", 0x4EA2B420, "simd"),
        ("sqrdmulh v0.4s, v1.4s, v2.s[1]", 0x4FA2D020, "simd"),
        ("sadalp v0.4s, v1.8h", 0x4E606820, "simd"),
        ("sabal v0.8h, v1.8b, v2.8b", 0x0E225020, "simd"),
        ("tbl v0.16b, {v1.16b}, v2.16b", 0x4E020020, "simd"),
        ("scvtf s0, w1", 0x1E220020, "simd"),
        ("fmov w0, s1", 0x1E260020, "simd"),
        ("ldr x0, [x1, #8]", 0xF9400420, "load"),
        ("ldrsw x0, [x1], #4", 0xB8804420, "load"),
        ("ldrb w0, [x1, x2]", 0x38626820, "load"),
        ("ldr x0, .", 0x58000000, "load"),
        ("ldr q0, .", 0x9C000000, "load"),
        ("ldr q0, [x1]", 0x3DC00020, "load"),
        ("ldp q0, q1, [x2]", 0xAD400440, "load"),
        ("ldpsw x0, x1, [x2]", 0x69400440, "load"),
        ("ld1 {v0.16b-v3.16b}, [x1], #64", 0x4CDF2020, "load"),
        ("ld1r {v0.4s}, [x1]", 0x4D40C820, "load"),
        ("ld1 {v0.s}[1], [x1]", 0x0D409020, "load"),
        ("ldur d0, [x1, #-1]", 0xFC5FF020, "load"),
        ("ldxr w0, [x1]", 0x885F7C20, "load"),
        ("ldar w0, [x1]", 0x88DFFC20, "load"),
        ("ldapr w0, [x1]", 0xB8BFC020, "load"),
        ("ldapur w0, [x1]", 0x99400020, "load"),
        ("ldadd w0, w1, [x2]", 0xB8200041, "load"),
        ("cas w0, w1, [x2]", 0x88A07C41, "load"),
        ("casp x0, x1, x2, x3, [x4]", 0x48207C82, "load"),
        ("str x0, [x1, #8]", 0xF9000420, "store"),
        ("strb w0, [x1, x2]", 0x38226820, "store"),
        ("str q0, [x1]", 0x3D800020, "store"),
        ("stp d0, d1, [x2, #-16]!", 0x6DBF0440, "store"),
        ("st1 {v0.16b}, [x1]", 0x4C007020, "store"),
        ("st1 {v0.s}[1], [x1]", 0x0D009020, "store"),
        ("stur s0, [x1, #-1]", 0xBC1FF020, "store"),
        ("stxr w0, w1, [x2]", 0x88007C41, "store"),
        ("stlr w0, [x1]", 0x889FFC20, "store"),
        ("stlur w0, [x1]", 0x99000020, "store"),
        ("b .", 0x14000000, "branch"),
        ("bl .", 0x94000000, "branch"),
        ("b.ne .", 0x54000001, "branch"),
        ("cbz x0, .", 0xB4000000, "branch"),
        ("tbnz w0, #3, .", 0x37180000, "branch"),
        ("br x0", 0xD61F0000, "branch"),
        ("blr x0", 0xD63F0000, "branch"),
        ("ret", 0xD65F03C0, "branch"),
        ("add x0, x1, #1", 0x91000420, "integer"),
        ("add x0, x1, x2, lsl #2", 0x8B020820, "integer"),
        ("madd x0, x1, x2, x3", 0x9B020C20, "integer"),
        ("csel x0, x1, x2, eq", 0x9A820020, "integer"),
        ("movz w0, #1", 0x52800020, "integer"),
        ("adrp x0, .", 0x90000000, "integer"),
        ("ubfx w0, w1, #3, #4", 0x53031820, "integer"),
        ("rev x0, x1", 0xDAC00C20, "integer"),
        ("svc #0", 0xD4000001, "other"),
        ("nop", 0xD503201F, "other"),
        ("dmb ish", 0xD5033BBF, "other"),
        ("mrs x0, tpidr_el0", 0xD53BD040, "other"),
        ("prfm pldl1keep, [x0, #64]", 0xF9802000, "other"),
        ("prfum pldl1keep, [x0, #-1]", 0xF89FF000, "other"),
        ("prfm pldl1keep, .", 0xD8000000, "other"),
    ],
)
def test_classes_of_instructions(class_of: Callable[[int], str], instruction: str, word: int, kind: str) -> None:
    assert class_of(word) == kind


def marks_file(folder: Path, *lines: str) -> Path:
    path = folder / "marks.txt"
    path.write_text("\n".join([HEAD, *lines]) + "\n")
    return path


def test_marks_become_counts(tmp_path: Path) -> None:
    """Everything between two marks, without what a mark costs (2 mac, 10 load), without three of warm-up."""
    lines, now = [], np.zeros(2, int)

    def passes(what: Mark, mac: int, load: int) -> None:
        lines.append(f"{what.value} 1 {now[0]} {now[1]}")
        now[:] += (mac + 2, load + 10)

    for _ in range(3):
        passes(Mark.EMPTY, 0, 0)
    for number in range(5):
        passes(Mark.QUERY, 100 + number, 50)
        passes(Mark.IDLE, 7, 7)
    for number in range(5):
        passes(Mark.FRAME, 1, 1)
        passes(Mark.DETECT, 30, number)
        passes(Mark.IDLE, 9, 9)
        for _ in range(number - 3):
            passes(Mark.INVOKE, 1000, 1)
            passes(Mark.IDLE, 5, 5)
    passes(Mark.IDLE, 0, 0)
    counts = read_marks(marks_file(tmp_path, *lines))
    assert counts.classes == ("mac", "load")
    assert counts.queries.tolist() == [[103, 50], [104, 50]]
    assert [{name: row.tolist() for name, row in frame.items()} for frame in counts.frames] == [
        {"detect": [30, 3]},
        {"detect": [30, 4], "invoke": [1000, 1]},
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param([], "was not counted, expected a qemu-aarch64 of QEMU 6.0 to 8.2 that takes plugins", id="none"),
        pytest.param(["0 1 0 0", "0 2 9 9", "0 1 9 9"], "ran several threads", id="threads"),
    ],
)
def test_what_cannot_be_counted(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(EdgeemoError, match=message):
        read_marks(marks_file(tmp_path, *lines))


def test_a_mark_changes_nothing() -> None:
    before = os.listdir("/proc/self/fd")
    mark(Mark.INVOKE)
    assert os.listdir("/proc/self/fd") == before
    assert not os.isatty(BASE + Mark.INVOKE)


def test_counts_survive_the_json_of_their_record() -> None:
    record = sample(instructions=(A72, A76))
    assert BenchmarkRecord.from_dict(json.loads(record.to_json())) == record


def test_records_without_counts_are_read() -> None:
    value = sample().to_dict()
    del value["instructions"]
    assert BenchmarkRecord.from_dict(value).instructions == ()


def test_counts_with_unknown_fields_are_refused() -> None:
    value = json.loads(sample(instructions=(A72,)).to_json())
    value["instructions"][0]["color"] = "red"
    with raises(EdgeemoError, problem="not a valid benchmark record .*color"):
        BenchmarkRecord.from_dict(value)


def test_the_table_has_a_column_for_each_processor() -> None:
    table = markdown_table([sample(instructions=(A72, A76)), sample(name="other")])
    head, _, first, second = ([cell.strip() for cell in line.split("|")] for line in table.splitlines()[:4])
    shown = dict(zip(head, zip(first, second, strict=True), strict=True))
    assert shown["M instr. Cortex-A72"] == ("7.37", "-")
    assert shown["M instr. Cortex-A76"] == ("2.96", "-")
    assert "M instr." not in text_table([sample()])


@pytest.mark.parametrize(
    ("count", "note"),
    [
        pytest.param(
            A72,
            "model on Cortex-A72: mac 14.5%, simd 57.0%, load 28.5%; "
            "a face crop takes 7.86 million (preprocess 0.456, invoke 7.36, postprocess 0.0418)",
            id="crop",
        ),
        pytest.param(replace(A72, frames=5), "a frame (median of 5) takes 7.86 million", id="frames"),
        pytest.param(replace(A76, stages={}), "model on Cortex-A76: mac 100.0%\n", id="no card"),
        pytest.param(A76, "one thread, on an emulated processor with ai-edge-litert 2.3.0", id="runtime"),
    ],
)
def test_notes_name_classes_and_stages(count: Instructions, note: str) -> None:
    assert note in text_table([sample(instructions=(count,))])


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH; it has what counting needs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("gcc", "qemu-aarch64", "as", "ld", "sh"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@needs_gcc
@needs_qemu
@pytest.mark.parametrize(
    ("lacking", "python", "message"),
    [
        pytest.param("qemu-aarch64", "exit 1", "qemu-aarch64 is missing, .* apt-get install qemu-user", id="no qemu"),
        pytest.param("gcc", "exit 1", "gcc is missing, .* apt-get install gcc libc6-dev", id="no gcc"),
        pytest.param("ld", "exit 1", "gcc cannot compile the counter of instructions", id="no linker"),
        pytest.param(None, "echo no library >&2; exit 1", r"cannot run edgeemo \(no library\)", id="failing"),
        pytest.param(None, "echo x86_64", "is not emulated, expected aarch64, got x86_64", id="not emulated"),
        pytest.param(None, "echo aarch64 numpy cv2", "lacks numpy, cv2, expected an aarch64 Python", id="packages"),
        pytest.param(None, "echo aarch64", "was not counted, expected a qemu-aarch64", id="no plugins"),
    ],
)
def test_what_is_missing_is_one_sentence(
    tmp_path: Path, tools: Path, lacking: str | None, python: str, message: str
) -> None:
    if lacking:
        (tools / lacking).unlink()
    with (
        pytest.raises(EdgeemoError, match=message),
        InstructionCounter([program(tmp_path / "python", python)]),
    ):
        pytest.fail("it was entered")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["python", "tools"]


@needs_gcc
@needs_qemu
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(
            [], 2, "no emulated Python is named, expected --arm-python PATH or EDGEEMO_ARM_PYTHON", id="unnamed"
        ),
        pytest.param(["--arm-python", "none"], 1, "none is not there, expected an emulated Python", id="not there"),
        pytest.param(["--arm-python", __file__], 1, "cannot be started (Permission denied)", id="no program"),
        pytest.param(["--arm-python", __file__, "--threads", "2"], 2, "instructions are counted with", id="threads"),
    ],
)
def test_errors_of_the_command(arguments: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(command, [str(INT8), "--instructions", *arguments], env={"EDGEEMO_ARM_PYTHON": ""})
    assert result.exit_code == code, result.output
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert message in sentence
    assert result.stdout == ""
