"""Faces found by our own finder, the shipped files: where, how sure, by which search; and files that are no finder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError, OptionError
from edgeemo.edge.faces.detector import SEARCHES
from edgeemo.edge.faces.finder import (
    CHECK,
    FIND,
    EdgeemoDetector,
    FaceCheck,
    FaceFinder,
    FaceSearch,
)
from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.edge.inference.interpreter import Tensor
from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.model.zoo import FOLDER
from edgeemo.edge.vision.preprocess import InputSpec

FINDER, SECOND = FOLDER / "edgeemo-face.tflite", FOLDER / "edgeemo-face-check.tflite"


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder.open(FINDER)


@pytest.fixture(scope="module")
def check() -> FaceCheck:
    return FaceCheck.open(SECOND)


@pytest.fixture(scope="module")
def detector() -> EdgeemoDetector:
    return EdgeemoDetector()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """A photograph of a face in the public domain: RGB 512x512, the face about (225, 115) with a side of 100."""
    data = pytest.importorskip("skimage.data")
    return np.asarray(data.astronaut())


def on_gray(image: np.ndarray, size: tuple[int, int], corner: tuple[int, int]) -> np.ndarray:
    """An image in a larger gray one."""
    frame = np.full((*size, 3), 128, np.uint8)
    frame[corner[1] : corner[1] + image.shape[0], corner[0] : corner[0] + image.shape[1]] = image
    return frame


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("gray", [False, True])
def test_a_face_is_found_where_it_is(
    finder: FaceFinder, check: FaceCheck, astronaut: np.ndarray, search: str, gray: bool
) -> None:
    frame = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY) if gray else astronaut
    (hit,) = FaceSearch(finder, check, search=search).detect(frame)
    assert abs(hit.x - 225) < 25
    assert abs(hit.y - 115) < 30
    assert 65 < hit.side < 150


@pytest.mark.parametrize("search", SEARCHES)
def test_the_detector_says_where_how_sure_and_how_turned(detector: EdgeemoDetector, search: str) -> None:
    photograph = np.asarray(pytest.importorskip("skimage.data").astronaut())
    (found,) = detector.with_search(search).detect(photograph)
    assert abs(found.box.center[0] - 225) < 25
    assert found.box.width == found.box.height
    assert 0.5 <= (found.score or 0) <= 1
    assert found.roll == 0


@pytest.mark.parametrize("degrees", [-25, -12, 12, 25])
def test_the_second_look_tells_roll(
    finder: FaceFinder, check: FaceCheck, astronaut: np.ndarray, degrees: float
) -> None:
    matrix = cv2.getRotationMatrix2D((225, 115), degrees, 1.0)
    matrix[:, 2] += np.array([256, 256]) - (225, 115)
    turned = cv2.warpAffine(astronaut, matrix, (512, 512), borderMode=cv2.BORDER_REFLECT)
    found = FaceSearch(finder, check).detect(turned)
    face = min(found, key=lambda hit: np.hypot(hit.x - 256, hit.y - 256))
    assert np.degrees(face.roll) == pytest.approx(degrees, abs=22)


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (3, 2000), (2000, 3), (144, 192)])
@pytest.mark.parametrize("search", SEARCHES)
def test_frames_of_any_size_are_searched(
    finder: FaceFinder, check: FaceCheck, size: tuple[int, int], search: str
) -> None:
    assert FaceSearch(finder, check, search=search).detect(np.full((*size, 3), 90, np.uint8)) == []


def test_a_small_face_in_a_large_frame_is_found_in_tiles(
    finder: FaceFinder, check: FaceCheck, astronaut: np.ndarray
) -> None:
    frame = on_gray(cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA), (1080, 1920), (1200, 500))
    found = FaceSearch(finder, check, search="thorough").detect(frame)
    assert any(np.hypot(hit.x - 1332, hit.y - 567) < 20 for hit in found)


def test_tiles_in_turn_find_what_one_look_misses(finder: FaceFinder, check: FaceCheck, astronaut: np.ndarray) -> None:
    frame = on_gray(cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA), (900, 1600), (900, 400))
    detector = FaceSearch(finder, check, search="auto")
    found = [hit for _ in range(12) for hit in detector.detect(frame)]
    assert any(np.hypot(hit.x - 1032, hit.y - 467) < 20 for hit in found)


def test_many_faces_are_all_found_once(finder: FaceFinder, check: FaceCheck, astronaut: np.ndarray) -> None:
    face = astronaut[20:220, 125:325]
    frame = np.tile(cv2.resize(face, (128, 128), interpolation=cv2.INTER_AREA), (5, 10, 1))
    found = FaceSearch(finder, check, search="thorough").detect(frame)
    places = {(round((hit.x - 64) / 128), round((hit.y - 64) / 128)) for hit in found if 40 < hit.side < 110}
    assert len(places) >= 48


@pytest.mark.parametrize(
    ("kind", "path"), [(FaceFinder, SECOND), (FaceCheck, FINDER), (FaceFinder, FOLDER / "edgeemo-nano.tflite")]
)
def test_a_model_of_another_kind_is_refused(kind: type, path: Path) -> None:
    with pytest.raises(EdgeemoError, match="is no"):
        kind.open(path)


def test_a_model_without_a_card_is_refused(tmp_path: Path) -> None:
    from edgeemo.edge.tflite.container import split_model

    bare = tmp_path / "bare.tflite"
    bare.write_bytes(split_model(FINDER.read_bytes())[0])
    with pytest.raises(EdgeemoError, match="no model card"):
        FaceFinder.open(bare)


def test_an_unknown_search_is_refused(detector: EdgeemoDetector) -> None:
    with pytest.raises(OptionError) as caught:
        detector.with_search("deep")
    assert caught.value.got == "'deep'"


def test_another_search_leaves_the_detector_as_it_is(detector: EdgeemoDetector, astronaut: np.ndarray) -> None:
    frame = on_gray(cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA), (1080, 1920), (1200, 500))
    before = detector.detect(frame)
    assert len(detector.with_search("thorough").detect(frame)) > len(before)
    assert detector.detect(frame) == before


def test_a_finder_of_one_s_own_takes_the_check_beside_it(tmp_path: Path, astronaut: np.ndarray) -> None:
    own = tmp_path / "own.tflite"
    own.write_bytes(FINDER.read_bytes())
    alone = EdgeemoDetector(own).detect(astronaut)
    assert all(found.roll == 0 for found in alone)
    (tmp_path / "own-check.tflite").write_bytes(SECOND.read_bytes())
    assert EdgeemoDetector(own).detect(astronaut) == EdgeemoDetector().detect(astronaut)


class Broken:
    """A loaded float model whose answers are not numbers, as one that has diverged gives them."""

    runtime, path, delegate, restarts = "none", "broken.tflite", "", 0

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        kind = np.dtype(np.float32)
        self.input, self.output = Tensor(0, inputs, kind, 0.0, 0), Tensor(1, outputs, kind, 0.0, 0)

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        return np.full(self.output.shape, np.nan, np.float32)


def card(task: str, height: int, width: int) -> ModelCard:
    return ModelCard("x", ("background", "face"), InputSpec(height, width, "gray", "symmetric"), task=task)


def test_outputs_that_are_not_numbers_are_said(check: FaceCheck) -> None:
    broken = FaceFinder(Broken((1, 144, 192, 1), (1, 570, 4)), card(FIND, 144, 192))
    with pytest.raises(EdgeemoError, match="not numbers"):
        FaceSearch(broken).detect(np.zeros((100, 100), np.uint8))
    second = FaceCheck(Broken((1, 48, 48, 1), (1, 2)), card(CHECK, 48, 48))
    with pytest.raises(EdgeemoError, match="not numbers"):
        second(np.zeros((100, 100), np.uint8), Hit(50, 50, 20, 1))


@pytest.mark.parametrize(
    ("outputs", "message"), [((1, 570, 5), "the model's output"), ((1, 100, 4), "the model's output")]
)
def test_a_card_that_contradicts_its_model_is_refused(outputs: tuple[int, ...], message: str) -> None:
    with pytest.raises(EdgeemoError, match=message):
        FaceFinder(Broken((1, 144, 192, 1), outputs), card(FIND, 144, 192))
