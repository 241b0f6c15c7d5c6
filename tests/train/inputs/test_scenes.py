"""Scenes: boxes lie on the faces, the same seed draws the same, and everything that was drawn can be learned from."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgeemo.train.datasets.boxes import BoxedImage, Region
from edgeemo.train.inputs.scenes import Photograph, SceneComposer, SceneSettings, SceneSources

SIZE = (144, 192)


def photograph() -> Photograph:
    """A gray photograph with a white disc for a face."""
    pixels = np.full((300, 400), 60, np.uint8)
    cv2.circle(pixels, (120, 90), 20, 255, -1)
    return Photograph(BoxedImage("a", lambda: pixels, (Region(100, 70, 40, 40),)))


def background() -> Photograph:
    return Photograph(BoxedImage("b", lambda: np.full((300, 400), 60, np.uint8)))


def sources() -> SceneSources:
    face = np.full((48, 48), 250, np.uint8)
    return SceneSources([photograph()], [background()], [face])


@pytest.mark.parametrize("degrees", [0, 30, -50])
@pytest.mark.parametrize("scale", [0.4, 0.9, 1.7])
def test_the_box_is_where_the_face_is(degrees: float, scale: float) -> None:
    pixels, boxes = photograph().view((130, 100), scale, degrees, SIZE, border=60)
    y, x = np.nonzero(pixels > 160)
    assert (boxes[0, 0], boxes[0, 1]) == pytest.approx((x.mean(), y.mean()), abs=1.5)
    assert boxes[0, 2] == pytest.approx(40 * scale)


def test_a_large_photograph_is_reduced_with_its_boxes() -> None:
    large = BoxedImage("c", lambda: np.zeros((1000, 2000), np.uint8), (Region(1000, 500, 100, 100),))
    reduced = Photograph(large, longest=500)
    assert (reduced.width, reduced.height) == (500, 250)
    assert reduced.boxes[0].tolist() == [262.5, 137.5, 25, 1]


@pytest.mark.parametrize("natural", [0.0, 1.0])
def test_scenes_have_their_size_and_finite_boxes(natural: float) -> None:
    composer = SceneComposer(sources(), SIZE, settings=SceneSettings(natural=natural), seed=1)
    for _ in range(60):
        pixels, boxes = composer.scene()
        assert pixels.shape == SIZE
        assert pixels.dtype == np.uint8
        assert boxes.shape[1] == 4
        assert np.isfinite(boxes).all()
        assert set(np.unique(boxes[:, 3])) <= {-1.0, 1.0}
        inside = boxes[boxes[:, 3] > 0]
        assert ((inside[:, 0] >= 0) & (inside[:, 0] < SIZE[1]) & (inside[:, 1] >= 0) & (inside[:, 1] < SIZE[0])).all()


def test_the_same_seed_draws_the_same_scenes() -> None:
    one, two = (SceneComposer(sources(), SIZE, seed=7) for _ in range(2))
    for _ in range(10):
        (pixels, boxes), (others, their_boxes) = one.scene(), two.scene()
        assert (pixels == others).all()
        assert (boxes == their_boxes).all()


def test_a_pasted_face_is_brighter_than_the_background_where_its_box_is() -> None:
    settings = SceneSettings(natural=0, fragments=0, text=0, smallest=30, largest=60)
    composer = SceneComposer(sources(), SIZE, settings=settings, seed=2)
    checked = 0
    for _ in range(40):
        pixels, boxes = composer.scene()
        for x, y, _, kind in boxes:
            if kind > 0 and pixels.std() > 5 and checked < 20:
                checked += pixels[int(y), int(x)] > pixels.min()
    assert checked >= 10


def test_fragments_have_no_box() -> None:
    composer = SceneComposer(sources(), SIZE, settings=SceneSettings(natural=0, fragments=1.0, text=0), seed=3)
    assert not any(len(composer.scene()[1]) for _ in range(30))


def test_mined_scenes_come_back_unchanged_by_what_is_drawn_onto_them() -> None:
    mined = np.full(SIZE, 77, np.uint8)
    with_mined = replace(sources(), mined=[mined])
    composer = SceneComposer(with_mined, SIZE, settings=SceneSettings(natural=0, mined=1.0, text=1.0), seed=4)
    drawn = [composer.scene()[0] for _ in range(10)]
    assert all((scene == 77).any() for scene in drawn)
    assert (mined == 77).all()
