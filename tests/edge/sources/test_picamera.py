"""CSI cameras: the traps of picamera2 on a stand-in with its signatures, and the real package where it is."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.faces.analysis import classify_frame
from edgeemo.edge.faces.detector import Detection, Detector
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.sources import Frame, open_source
from edgeemo.edge.sources.base import SourceState
from edgeemo.edge.sources.live.limits import Backoff, Limits
from edgeemo.edge.vision.box import Box

from ...conftest import raises

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

REAL = importlib.util.find_spec("picamera2") is not None
#: Whose interface the stand-in has.
PACKAGE = "picamera2==0.3.38"
LIMITS = Limits(stall_s=1.0, frozen_s=0, backoff=Backoff(0.1, 0.3))


@pytest.fixture
def behavior(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in's camera, fresh."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "picamera"))
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    import picamera2

    yield picamera2.Behavior
    assert picamera2.Behavior.held == 0
    assert picamera2.Behavior.in_use == 0
    sys.modules.pop("picamera2")


def first_frame(text: str = "picamera2", limits: Limits = LIMITS) -> Frame:
    with open_source(text, limits=limits) as source:
        return next(frame for frame in source if frame is not None)


@pytest.mark.parametrize("pixels", ["RGB888", "BGR888", "XRGB8888", "XBGR8888"])
def test_colors_are_right_whatever_the_pipeline_made_of_the_format(pixels: str, behavior: Any) -> None:
    behavior.format = pixels
    image = first_frame().image
    assert image.shape == (480, 640, 3)
    assert (image[1:] == behavior.color).all()


def test_padding_of_rows_is_no_part_of_the_image(behavior: Any) -> None:
    small = first_frame().small
    assert small is not None
    assert small.shape == (240, 320)
    assert ((small >= 100) & (small < 107)).all()


def test_faces_found_in_the_small_image_are_cut_from_the_large_one(tiny_int8: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    small = np.zeros((240, 320), np.uint8)
    seen = []

    class OneFace(Detector):
        def __init__(self, box: Box) -> None:
            self._box = box

        def detect(self, image: np.ndarray) -> list[Detection]:
            seen.append(image.shape)
            return [Detection(self._box)]

    classifier = Classifier.open(tiny_int8)
    (face,) = classify_frame(image, OneFace(Box(40, 30, 60, 60)), classifier, small=small).faces
    (wanted,) = classify_frame(image, OneFace(Box(80, 60, 120, 120)), classifier).faces
    assert seen == [(240, 320), (480, 640, 3)]
    assert (face.box, face.scores) == (wanted.box, wanted.scores)


def test_old_frames_are_not_given(behavior: Any) -> None:
    behavior.age_s = 3.0
    with open_source("picamera2", limits=LIMITS) as source:
        for frame in source:
            assert frame is None
            if source.status.state is SourceState.RECONNECTING:
                break
    assert source.status.reason == "nothing but images older than 1 s for 1 s"


def test_stalled_camera_is_reopened_and_comes_back(behavior: Any) -> None:
    with open_source("picamera2", limits=LIMITS) as source:
        frames = iter(source)
        while next(frames) is None:
            pass
        behavior.stalled = True
        began = time.monotonic()
        while source.status.state is not SourceState.RECONNECTING:
            next(frames)
        assert time.monotonic() - began < 2.5
        behavior.stalled = False
        while next(frames) is None:
            pass
        assert source.status.reconnects >= 1


def test_short_stall_loses_no_request(behavior: Any) -> None:
    with open_source("picamera2", limits=Limits(stall_s=5, frozen_s=0)) as source:
        frames = iter(source)
        while next(frames) is None:
            pass
        behavior.stalled = True
        time.sleep(1.5)
        behavior.stalled = False
        for _ in range(5):
            while next(frames) is None:
                pass
        assert source.status.reconnects == 0


@pytest.mark.parametrize(
    ("settings", "text", "sentence"),
    [
        (
            {"cameras": 0},
            "picamera2",
            "camera picamera2:0 is not there, expected a camera of libcamera, got none; check",
        ),
        ({}, "picamera2:1", "camera picamera2:1 is not there, expected a camera of libcamera, got imx708"),
        ({"fails_to_start": True}, "picamera2", "picamera2:0 cannot be opened (Failed to start camera: Device or res"),
        ({"format": "YUYV"}, "picamera2", "camera picamera2:0 gives unknown pixels, expected RGB888 or"),
    ],
)
def test_bad_camera_is_one_sentence(settings: dict, text: str, sentence: str, behavior: Any) -> None:
    for name, value in settings.items():
        setattr(behavior, name, value)
    with pytest.raises(EdgeemoError) as caught:
        first_frame(text)
    assert sentence in str(caught.value)


@pytest.mark.skipif(REAL, reason="picamera2 is installed")
def test_missing_package_says_how_to_get_it() -> None:
    with raises(EdgeemoError, problem="picamera2 cannot be imported$", hint="^on Raspberry Pi OS: sudo apt install"):
        first_frame()


@pytest.fixture(scope="module")
def real_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real package's folder; it need not be imported, for which it wants libcamera."""
    if spec := importlib.util.find_spec("picamera2"):
        assert spec.origin is not None
        return Path(spec.origin).parent
    folder = tmp_path_factory.mktemp("picamera2")
    fetch = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        folder,
        PACKAGE,
    ]
    if subprocess.run(fetch, capture_output=True, timeout=120).returncode:
        pytest.skip(f"{PACKAGE} is neither installed nor to be had from PyPI")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder / "picamera2"


def parameters(tree: ast.Module) -> dict[str, list[str]]:
    """``Class.method`` -> names of its parameters, of everything public; the last definition of a name counts."""
    found = {}
    for kind in tree.body:
        for method in kind.body if isinstance(kind, ast.ClassDef) else ():
            if isinstance(method, ast.FunctionDef) and (method.name == "__init__" or not method.name.startswith("_")):
                found[f"{kind.name}.{method.name}"] = [one.arg for one in method.args.args]
    return found


@pytest.mark.slow
def test_stand_in_has_the_interface_of_the_real_package(real_source: Path) -> None:
    real = {}
    for name in ("picamera2", "job", "request"):
        real |= parameters(ast.parse((real_source / f"{name}.py").read_text()))
    ours = parameters(ast.parse((Path(__file__).parent / "picamera" / "picamera2.py").read_text()))
    # Nobody but the package itself makes these two.
    ours = {name: names for name, names in ours.items() if name not in ("Job.__init__", "CompletedRequest.__init__")}
    assert {"Picamera2.capture_request", "Job.get_result", "CompletedRequest.make_buffer"} <= ours.keys()
    assert {name: real.get(name) for name in ours} == ours


@pytest.mark.skipif(not REAL, reason="picamera2 is not installed (Raspberry Pi OS: apt install python3-picamera2)")
def test_real_camera_gives_frames() -> None:
    from picamera2 import Picamera2

    if not Picamera2.global_camera_info():
        pytest.skip("no camera of libcamera")
    assert first_frame().image.shape[2] == 3
