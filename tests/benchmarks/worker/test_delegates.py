"""Delegates in the benchmark, through the runtimes' true loading path: never a CPU's figure under another name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.benchmarks.compare import compare
from edgeemo.benchmarks.options import BenchmarkOptions
from edgeemo.benchmarks.record import BenchmarkRecord
from edgeemo.benchmarks.report.table import text_table
from edgeemo.benchmarks.suite import benchmark
from edgeemo.benchmarks.worker.client import ModelProcess
from edgeemo.edge.common.errors import DelegateError
from edgeemo.edge.inference.delegate import DelegateSpec

from ...edge.inference.test_delegate import library
from ..samples import run, sample

__all__ = ["library"]

Spec = Callable[..., DelegateSpec]


@pytest.fixture
def spec(library: Path) -> Spec:
    """The test's delegate in one of its modes."""

    def of(mode: str = "work", after: int = 0) -> DelegateSpec:
        return DelegateSpec.parse(str(library), [f"mode={mode}", f"after={after}"])

    return of


@pytest.fixture
def compiled(tiny_int8: Path, tmp_path: Path) -> Path:
    """A model for the accelerator, with the one that it was made from beside it."""
    shutil.copy(tiny_int8, tmp_path / "net.tflite")
    return Path(shutil.copy(tiny_int8.with_name("tiny_int8_edgetpu.tflite"), tmp_path / "net_edgetpu.tflite"))


def test_matrix_of_models_and_delegates(spec: Spec, compiled: Path) -> None:
    plain = compiled.with_name("net.tflite")
    on_cpu, accelerated = benchmark([plain, compiled], BenchmarkOptions(delegates=[None, spec()], queries=20))
    assert accelerated.delegate == str(spec().library)
    assert accelerated.delegated == (1, 1)
    assert on_cpu.delegate in ("xnnpack", "none")
    assert [record.name.rpartition(", ")[2] for record in (on_cpu, accelerated)] == ["CPU", "libtest_delegate.so"]
    # The compiler hides the operators and drops the card: both are those of the model that it compiled.
    assert accelerated.macs == on_cpu.macs > 0
    assert accelerated.input_spec == on_cpu.input_spec is not None
    takes_none, needs = sorted(accelerated.left_out, key=lambda sentence: "compiled for" in sentence)
    assert f"takes no operator of {plain}: all of it would run on the CPU" in takes_none
    assert f"{compiled} is compiled for the Edge TPU and cannot run without it" in needs
    assert f"not measured: {needs}" in text_table([on_cpu, accelerated])


@pytest.mark.parametrize(
    ("mode", "after", "sentence"),
    [
        ("absent", 0, "cannot be started, most likely it finds no device (test delegate: no device)"),
        ("refuse", 0, "refuses "),
        ("lose", 0, "lost its device"),
        ("crash", 0, r"crashed the process that measured"),
    ],
)
def test_delegate_that_fails_is_an_error(spec: Spec, compiled: Path, mode: str, after: int, sentence: str) -> None:
    with pytest.raises(DelegateError) as caught:
        benchmark([compiled], BenchmarkOptions(delegates=[spec(mode, after)], queries=20))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_device_that_is_lost_while_it_is_measured_is_an_error(spec: Spec, compiled: Path) -> None:
    with pytest.raises(DelegateError, match="lost its device"):
        benchmark([compiled], BenchmarkOptions(delegates=[spec("lose", 10)], queries=20))


def test_delegate_that_never_answers_is_an_error(spec: Spec, compiled: Path) -> None:
    process = ModelProcess(compiled, delegate=spec("stuck"), load_s=2)
    with pytest.raises(DelegateError, match=r"crashed the process .*, or hung \(gave no answer within 2 s\)"), process:
        pass


def test_nothing_left_is_an_error(spec: Spec, compiled: Path) -> None:
    with pytest.raises(DelegateError, match=r"takes no operator|is compiled for"):
        benchmark([compiled], BenchmarkOptions(delegates=[spec("absent"), None], queries=20))


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        pytest.param(["--delegate", "gone.so"], 1, "the delegate gone.so is not", id="missing"),
        pytest.param(["--delegate", "edgetpu:scsi"], 2, "unknown delegate", id="unknown"),
        pytest.param(["--delegate-option", "a=1"], 2, "--delegate-option needs a --delegate", id="option alone"),
    ],
)
def test_errors_are_one_sentence(tiny_int8: Path, options: list[str], status: int, message: str) -> None:
    result = run(tiny_int8, *options)
    assert result.exit_code == status
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [("none", "xnnpack", True), ("", "none", True), ("edgetpu", "edgetpu", True), ("edgetpu", "xnnpack", False)],
)
def test_only_the_same_accelerator_is_compared(old: str, new: str, same: bool) -> None:
    def records(delegate: str) -> list[BenchmarkRecord]:
        return [sample(name="m", delegate=delegate), sample(name="other", delegate="none")]

    found = compare(records(old), records(new))
    assert (len(found.changes), len(found.gone)) == ((2, 0) if same else (1, 1))
