"""Detectors by name and by file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError, FileError, ModelError, OptionError, RuntimeUnavailableError
from edgeemo.edge.faces.detector import Detection, Detector
from edgeemo.edge.faces.registry import DETECTORS, open_detector
from edgeemo.edge.model.zoo import find_model


@pytest.mark.parametrize("name", ["haar", "yunet", "edgeemo", "none"])
def test_a_detector_says_the_name_that_it_has(name: str) -> None:
    assert DETECTORS.load(name).name == name


@pytest.mark.parametrize(
    ("choice", "name"), [("auto", "edgeemo"), ("haar", "haar"), ("edgeemo", "edgeemo"), ("none", "none")]
)
def test_a_name_opens_its_detector(choice: str, name: str) -> None:
    assert open_detector(choice).name == name


@pytest.mark.parametrize(
    ("choice", "kind", "problem", "hint"),
    [
        pytest.param("har", OptionError, "unknown detector", "did you mean haar?", id="near miss"),
        pytest.param("yunet", FileError, "yunet needs its file", "edgeemo models fetch yunet", id="not fetched"),
        pytest.param("absent.onnx", EdgeemoError, "absent.onnx is not there", "check the path", id="absent"),
        pytest.param("text.txt", ModelError, "no detector takes", None, id="another file"),
        pytest.param("text.onnx", ModelError, "is no YuNet face model", "sha256", id="not a model"),
        pytest.param("emotions.tflite", ModelError, "is no face finder", None, id="a classifier"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    choice: str,
    kind: type[EdgeemoError],
    problem: str,
    hint: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEEMO_CACHE", str(tmp_path / "cache"))
    for name in ("text.txt", "text.onnx"):
        (tmp_path / name).write_text("hello")
    (tmp_path / "emotions.tflite").write_bytes(find_model("nano").read_bytes())
    with pytest.raises(EdgeemoError) as caught:
        open_detector(tmp_path / choice if "." in choice else choice)
    assert problem in caught.value.problem
    assert (hint or "") in (caught.value.hint or "")
    assert isinstance(caught.value, kind)


class Needy(Detector):
    name = "needy"
    needs = ("click", "a_module_that_nobody_has")

    def detect(self, image: np.ndarray) -> list[Detection]:
        return []


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS.builtin, "needy", "")  # type: ignore[arg-type]
    monkeypatch.setattr(type(DETECTORS), "load", lambda *_: Needy)
    with pytest.raises(RuntimeUnavailableError) as caught:
        open_detector("needy")
    assert caught.value.problem == "the detector 'needy' needs a_module_that_nobody_has, which is not installed"
