"""The interpreter, in whichever of the two small runtimes is installed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.inference.interpreter import installed_runtimes, load, runtime_version
from edgeemo.edge.tflite.container import split_model

from ...conftest import raises

#: ``tf.lite`` is left to the tests that need TensorFlow anyhow.
SMALL = [name for name in installed_runtimes() if name != "tf.lite"]


@pytest.fixture(params=["tiny_int8", "tiny_float"])
def model(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.mark.parametrize("runtime", SMALL)
def test_session_gives_probabilities(model: Path, runtime: str) -> None:
    outputs = load(model, runtime=runtime).run(np.full((48, 48, 1), 0.5, np.float32))
    assert outputs.shape == (7,)
    assert outputs.sum() == pytest.approx(1, abs=7 / 256)


def test_auto_takes_the_first_installed(model: Path) -> None:
    assert load(model).runtime == installed_runtimes()[0]


@pytest.mark.parametrize("runtime", SMALL)
def test_version_is_known(runtime: str) -> None:
    assert runtime_version(runtime)[0].isdigit()


def test_two_threads_give_the_same_as_one(tiny_int8: Path) -> None:
    values = np.random.default_rng(0).random((48, 48, 1), np.float32)
    assert (load(tiny_int8, threads=2).run(values) == load(tiny_int8).run(values)).all()


@pytest.mark.parametrize("runtime", SMALL)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_cut_model_is_one_sentence_and_no_crash(model: Path, tmp_path: Path, runtime: str, share: float) -> None:
    flatbuffer = split_model(model.read_bytes())[0]
    path = tmp_path / "cut.tflite"
    path.write_bytes(flatbuffer[: int(len(flatbuffer) * share)])
    with raises(EdgeemoError, problem=r"cut\.tflite cannot be loaded, it is damaged") as caught:
        load(path, runtime=runtime)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif("tflite-runtime" not in SMALL, reason="tflite-runtime is not installed")
def test_rehearsal_survives_a_model_that_kills_tflite_runtime(tiny_float: Path, tmp_path: Path) -> None:
    flatbuffer = split_model(tiny_float.read_bytes())[0]
    path = tmp_path / "cut.tflite"
    deaths = 0
    for share in np.linspace(0.1, 0.95, 18):
        path.write_bytes(flatbuffer[: int(len(flatbuffer) * share)])
        with raises(EdgeemoError, problem="cannot be loaded") as caught:
            load(path, runtime="tflite-runtime")
        deaths += "died of signal" in caught.value.problem
    assert deaths > 0


@pytest.mark.parametrize(
    ("contents", "fields"),
    [
        pytest.param(
            b"",
            {"problem": "m.tflite is not a TFLite model$", "expected": "^a .tflite file", "got": "^an empty file"},
            id="empty",
        ),
        pytest.param(
            b"hello, world",
            {"problem": "m.tflite is not a TFLite model$", "expected": "^a .tflite file", "got": "^other"},
            id="text",
        ),
        pytest.param(random.Random(0).randbytes(9000), {"problem": "m.tflite is not a TFLite model"}, id="random"),
        pytest.param(
            b"\x1c\0\0\0TFL3" + random.Random(1).randbytes(9000),
            {"problem": "m.tflite cannot be loaded"},
            id="random with magic",
        ),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, contents: bytes, fields: dict[str, str]) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(contents)
    with raises(EdgeemoError, **fields):
        load(path)


@pytest.mark.parametrize(
    ("name", "options", "fields"),
    [
        ("absent.tflite", {}, {"problem": "absent.tflite is not there$", "expected": "^a .tflite model"}),
        (".", {}, {"problem": "is a folder$", "expected": "^a .tflite model"}),
        (".", {"threads": 0}, {"problem": "threads out of range$", "expected": "^at least 1", "got": "^0"}),
        (".", {"runtime": "onnx"}, {"problem": "unknown runtime$", "expected": "^auto or one of ai-edge-litert"}),
    ],
)
def test_bad_use_is_refused(tmp_path: Path, name: str, options: dict, fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        load(tmp_path / name, **options)


def test_loading_says_nothing_on_standard_error(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(model)
    assert capfd.readouterr() == ("", "")
