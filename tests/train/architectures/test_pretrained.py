"""Pretrained weights: from tf_keras's cache, from a file, none, and what is said where they are missing."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.architectures import build
from edgeemo.train.backend import keras

from ...conftest import raises

SPEC = InputSpec(32, 32, "rgb")
NAME = "densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5"
applications = importlib.import_module("tf_keras.src.applications.densenet")


def first_kernel(model: Any) -> np.ndarray:
    return np.asarray(model.get_layer("conv1/conv").kernel)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A file as Keras publishes it, with weights of its own, and the first of them."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / NAME
    model = keras.applications.DenseNet169(include_top=False, weights=None, input_shape=SPEC.shape)
    model.save_weights(path)
    return path, first_kernel(model)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of tf_keras, and a host that refuses every download at once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(applications, "DENSENET169_WEIGHT_PATH_NO_TOP", f"http://127.0.0.1:9/{NAME}")
    folder = tmp_path / ".keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_imagenet_is_taken_from_the_cache(
    stand_in: tuple[Path, np.ndarray], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kernel = stand_in
    (cache / NAME).write_bytes(path.read_bytes())
    # tf_keras knows the hash of the published file, which a stand-in cannot have.
    monkeypatch.setattr("tf_keras.src.utils.data_utils.validate_file", lambda *_, **__: True)
    model = build("densenet169", SPEC, 7, options={"weights": "imagenet"})
    assert np.array_equal(first_kernel(model), kernel)


def test_a_file_is_taken(stand_in: tuple[Path, np.ndarray], cache: Path) -> None:
    path, kernel = stand_in
    model = build("densenet169", SPEC, 7, options={"weights": str(path)})
    assert np.array_equal(first_kernel(model), kernel)
    assert not list(cache.iterdir())


@pytest.mark.slow
def test_none_is_random_whatever_is_in_the_cache(stand_in: tuple[Path, np.ndarray], cache: Path) -> None:
    path, kernel = stand_in
    (cache / NAME).write_bytes(path.read_bytes())
    found = first_kernel(build("densenet169", SPEC, 7, options={"weights": "none"}))
    assert not np.isclose(found, kernel).all()
    assert found.std() > 0.5 * kernel.std()


OFFLINE = "the ImageNet weights of DenseNet169 are not in {} and cannot be downloaded (URL fetch"
WAYS_OUT = "; give a file with --weights FILE, or train from scratch with --weights none"


@pytest.mark.slow
def test_with_a_damaged_cache_offline_both_ways_out_are_named(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / NAME).write_bytes(b"half a file")
    with pytest.raises(EdgeemoError) as caught:
        build("densenet169", SPEC, 7, options={"weights": "imagenet"})
    assert str(caught.value).startswith(OFFLINE.format(cache))
    assert str(caught.value).endswith(WAYS_OUT)
    assert capsys.readouterr().out == ""


def train(tmp_path: Path, *options: str) -> Any:
    words = ["train", "densenet169-fer", "--data", "synthetic:train=70,test=0,size=24", "--out", str(tmp_path / "run")]
    return CliRunner().invoke(edgeemo, [*words, "--set", "data.validation=0.2", *options])


@pytest.mark.slow
def test_with_an_empty_cache_offline_the_command_names_both_and_leaves_no_run(cache: Path, tmp_path: Path) -> None:
    result = train(tmp_path)
    assert result.exit_code == 1
    assert f"Error: {OFFLINE.format(cache)}" in result.stderr
    assert f"{WAYS_OUT}\n" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "other.h5 is not there, expected weights of DenseNet169 (HDF5)"),
        (b"no weights", "other.h5 does not hold weights of DenseNet169 without its top"),
        ("another net", "other.h5 does not hold weights of DenseNet169 without its top"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        Path("other.h5").write_bytes(content)
    elif content:
        build("residual", SPEC, 7).save_weights("other.h5")
    result = train(tmp_path, "--weights", "other.h5")
    assert result.exit_code == 1
    assert sentence in result.output
    assert not (tmp_path / "run").exists()


def test_pretrained_weights_do_not_fit_gray(stand_in: tuple[Path, np.ndarray]) -> None:
    with raises(EdgeemoError, problem="pretrained weights of DenseNet169 do not fit gray input$", expected="^input"):
        build("densenet169", InputSpec(32, 32), 7, options={"weights": str(stand_in[0])})
