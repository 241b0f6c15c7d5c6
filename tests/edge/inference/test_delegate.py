"""Delegates through the runtimes' true loading path: a real external delegate, compiled for the test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.common.errors import DelegateError, EdgeemoError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.delegate import DelegateSpec
from edgeemo.edge.inference.fallback import load_with_fallback
from edgeemo.edge.inference.interpreter import SessionProtocol, installed_runtimes, load

from ...conftest import raises

#: ``tf.lite`` is left to the tests that need TensorFlow anyhow.
RUNTIMES = [name for name in installed_runtimes() if name != "tf.lite"]
HERE = Path(__file__).parent
#: e_machine of processors that this one is not.
SPARC = 2

Open = Callable[..., SessionProtocol]


def build(source: Path, target: Path, *flags: str) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("the delegate of the tests needs Linux and gcc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", target, source, *flags], check=True)
    return target


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delegate, compiled."""
    return build(HERE / "delegate" / "delegate.c", tmp_path_factory.mktemp("delegate") / "libtest_delegate.so")


@pytest.fixture
def compiled(tiny_int8: Path, tmp_path: Path) -> Path:
    """A model for the accelerator with the one that it was made from beside it, and nothing else."""
    shutil.copy(tiny_int8, tmp_path / "net.tflite")
    return Path(shutil.copy(tiny_int8.with_name("tiny_int8_edgetpu.tflite"), tmp_path / "net_edgetpu.tflite"))


@pytest.fixture
def warnings() -> list[str]:
    """What was warned of."""
    return []


@pytest.fixture(params=RUNTIMES)
def open_model(request: pytest.FixtureRequest, library: Path, warnings: list[str]) -> Open:
    """Loads a model with the test's delegate, in each runtime."""

    def open_with(path: Path, mode: str = "", *, delegate: str = "", fallback: bool = True, after: int = 0) -> Any:
        options = [f"mode={mode}", f"after={after}"] if mode else []
        spec = DelegateSpec.parse(delegate or str(library), options)
        return load_with_fallback(path, runtime=request.param, delegate=spec, fallback=fallback, warn=warnings.append)

    return open_with


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (1, 48, 48, 1), np.int8)


def by_delegate(tensor: np.ndarray) -> np.ndarray:
    """What the test's delegate answers."""
    answer = np.full((1, 7), -128, np.int8)
    answer[0, int(tensor.view(np.uint8).astype(int).sum() % 7)] = 127
    return answer


def by_cpu(tensor: np.ndarray, tiny_int8: Path, session: SessionProtocol) -> np.ndarray:
    return load(tiny_int8, runtime=session.runtime).invoke(tensor)


def test_delegate_runs_the_compiled_model(open_model: Open, compiled: Path, warnings: list[str]) -> None:
    session = open_model(compiled, "work")
    for seed in range(5):
        assert (session.invoke(noise(seed)) == by_delegate(noise(seed))).all()
    assert session.delegate.endswith("libtest_delegate.so")
    assert warnings == []


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (
            "absent",
            "cannot be started, most likely it finds no device (test delegate: no device); plug the accelerator in",
        ),
        ("mute", "cannot be started, most likely it finds no device; plug the accelerator in"),
        ("refuse", "refuses "),
    ],
)
def test_delegate_that_cannot_start_leaves_it_to_the_cpu(
    mode: str, sentence: str, open_model: Open, compiled: Path, tiny_int8: Path, warnings: list[str]
) -> None:
    session = open_model(compiled, mode)
    assert (session.invoke(noise()) == by_cpu(noise(), tiny_int8, session)).all()
    assert len(warnings) == 1
    assert sentence in warnings[0]
    assert warnings[0].endswith(f". The CPU continues with {compiled.parent / 'net.tflite'}")
    problem, _, hint = sentence.partition("; ")
    with raises(DelegateError, problem=re.escape(problem), hint=re.escape(hint)):
        open_model(compiled, mode, fallback=False)


def test_device_lost_in_mid_run_leaves_it_to_the_cpu(
    open_model: Open, compiled: Path, tiny_int8: Path, warnings: list[str]
) -> None:
    session = open_model(compiled, "lose", after=2)
    answers = [session.invoke(noise(seed)) for seed in range(5)]
    assert [(answer == by_delegate(noise(seed))).all() for seed, answer in enumerate(answers)][:2] == [True, True]
    for seed in range(2, 5):
        assert (answers[seed] == by_cpu(noise(seed), tiny_int8, session)).all()
    assert len(warnings) == 1
    assert "lost its device (" in warnings[0]
    assert "failed to invoke" in warnings[0]


def test_device_lost_in_mid_run_is_one_sentence_without_fallback(open_model: Open, compiled: Path) -> None:
    session = open_model(compiled, "lose", after=1, fallback=False)
    session.invoke(noise())
    with raises(DelegateError, problem="lost its device"):
        session.invoke(noise())


def test_compiled_model_without_delegate_takes_the_one_beside_it(
    compiled: Path, tiny_int8: Path, warnings: list[str]
) -> None:
    session = load_with_fallback(compiled, warn=warnings.append)
    assert (session.invoke(noise()) == load(tiny_int8).invoke(noise())).all()
    assert warnings[0].startswith(f"{compiled} is compiled for the Edge TPU and cannot run without it; give --delegate")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_compiled_model_alone_is_one_sentence(compiled: Path, runtime: str) -> None:
    (compiled.parent / "net.tflite").unlink()
    with raises(DelegateError, problem=r"no net\.tflite beside the compiled model for the CPU to continue with"):
        load_with_fallback(compiled, runtime=runtime, warn=pytest.fail)


def test_another_model_beside_it_is_no_stand_in(open_model: Open, compiled: Path, tiny_float: Path) -> None:
    shutil.copy(tiny_float, compiled.parent / "net.tflite")
    session = open_model(compiled, "lose", after=1)
    session.invoke(noise())
    with raises(EdgeemoError, problem=r"net\.tflite cannot stand in for ", expected="^the same input and output"):
        session.invoke(noise())


def test_model_that_is_not_compiled_is_told(tiny_int8: Path, library: Path, warnings: list[str]) -> None:
    spec = DelegateSpec("edgetpu", str(library))
    session = load_with_fallback(tiny_int8, delegate=spec, warn=warnings.append)
    assert (session.invoke(noise()) == load(tiny_int8).invoke(noise())).all()
    assert "is not compiled for the Edge TPU: it runs on the CPU" in warnings[0]


def test_card_is_that_of_the_model_beside_it(compiled: Path, library: Path) -> None:
    session = load_with_fallback(compiled, delegate=DelegateSpec(str(library), str(library)), warn=pytest.fail)
    assert len(Classifier.open(compiled, session=session).card.labels) == 7


@pytest.fixture
def broken(tmp_path: Path, library: Path) -> Path:
    """A folder of libraries that are none."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "text.so").write_text("not a library")
    (folder / "empty.so").touch()
    elsewhere = bytearray(library.read_bytes())
    elsewhere[18:20] = SPARC.to_bytes(2, "little")
    (folder / "elsewhere.so").write_bytes(elsewhere)
    (folder / "cut.so").write_bytes(library.read_bytes()[:2000])
    (folder / "plain.c").write_text("int nothing(void) { return 0; }\n")
    build(folder / "plain.c", folder / "plain.so")
    build(folder / "plain.c", folder / "libabsent.so")
    build(folder / "plain.c", folder / "needy.so", f"-L{folder}", "-Wl,--no-as-needed", "-labsent")
    (folder / "libabsent.so").unlink()
    return folder


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.so", "gone.so is not there, expected a shared library"),
        ("text.so", "text.so is not a shared library, expected an ELF file"),
        ("empty.so", "empty.so is not a shared library"),
        ("elsewhere.so", "elsewhere.so is for another kind of processor, expected"),
        ("cut.so", "cut.so is cut, expected "),
        ("plain.so", "plain.so is not a delegate, expected a library with tflite_plugin_create_delegate"),
        ("needy.so", "needs libabsent.so, which is not installed"),
    ],
)
def test_library_that_is_none_is_one_sentence_and_the_cpu_goes_on(
    name: str, sentence: str, broken: Path, open_model: Open, compiled: Path, warnings: list[str]
) -> None:
    session = open_model(compiled, delegate=str(broken / name))
    assert session.invoke(noise()).shape == (1, 7)
    assert len(warnings) == 1
    assert sentence in warnings[0]


@pytest.mark.skipif(Path("/usr/lib/x86_64-linux-gnu/libedgetpu.so.1").exists(), reason="libedgetpu is installed")
def test_edgetpu_that_is_not_installed_is_one_sentence(open_model: Open, compiled: Path, warnings: list[str]) -> None:
    open_model(compiled, delegate="edgetpu:usb")
    assert warnings[0].startswith(
        "the delegate edgetpu:usb is not installed (libedgetpu.so.1 is not found); install lib"
    )


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("edgetpu", [], ("libedgetpu.so.1", ())),
        ("edgetpu:usb", [], ("libedgetpu.so.1", (("device", "usb"),))),
        ("edgetpu:pci", [], ("libedgetpu.so.1", (("device", "pci"),))),
        ("edgetpu:1", ["a=b=c"], ("libedgetpu.so.1", (("device", ":1"), ("a", "b=c")))),
        ("./lib.so", ["a=1"], ("./lib.so", (("a", "1"),))),
    ],
)
def test_names_of_delegates(text: str, options: list[str], expected: tuple) -> None:
    spec = DelegateSpec.parse(text, options)
    assert (spec.name, spec.library, spec.options) == (text, *expected)


@pytest.mark.parametrize(
    ("text", "options", "problem", "expected"),
    [
        ("edgetpu:scsi", [], "unknown delegate$", "^edgetpu"),
        ("", [], "unknown delegate$", "^edgetpu"),
        ("edgetpu", ["x"], "malformed$", "^key=value"),
        ("edgetpu", ["=1"], "malformed$", "^key=value"),
    ],
)
def test_bad_names_of_delegates_are_refused(text: str, options: list[str], problem: str, expected: str) -> None:
    with raises(EdgeemoError, problem=problem, expected=expected):
        DelegateSpec.parse(text, options)
