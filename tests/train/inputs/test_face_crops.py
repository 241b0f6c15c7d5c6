"""Crops for the second look: what counts as a face, as none, and as neither; rolls follow what is done to a crop."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from edgeemo.edge.faces.finder import ROLL_UNIT
from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.train.datasets.boxes import Region
from edgeemo.train.inputs.face_crops import CropBatches, CropSet, mine

GRAY = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
FACE = Region(80, 80, 40, 40, roll=0.3)


@pytest.mark.parametrize(
    ("hit", "kept"),
    [
        (Hit(100, 100, 40, 1), [True]),
        (Hit(104, 98, 46, 1), [True]),
        (Hit(118, 100, 40, 1), []),  # neither
        (Hit(150, 150, 40, 1), [False]),
        (Hit(100, 100, 12, 1), []),  # too small to be judged
        (Hit(100, 100, 120, 1), [False]),  # the body about the face
    ],
)
def test_what_a_hit_is(hit: Hit, kept: list[bool]) -> None:
    crops = CropSet()
    crops.add_image(GRAY, [FACE], [hit], rng=np.random.default_rng(0), scattered=0)
    assert crops.faces == kept
    assert [roll for roll, face in zip(crops.rolls, crops.faces, strict=True) if face] == [0.3] * sum(kept)


def test_a_hit_on_what_may_be_a_face_is_neither() -> None:
    crops = CropSet()
    perhaps = Region(80, 80, 40, 40, kind="ignore")
    crops.add_image(GRAY, [perhaps], [Hit(100, 100, 40, 1)], rng=np.random.default_rng(0))
    assert crops.crops == []


def test_a_busy_image_gives_its_surest_false_hits_only() -> None:
    crops = CropSet()
    hits = [Hit(20 + 20 * (i % 9), 20 + 20 * (i // 9), 18, i) for i in range(60)]
    crops.add_image(GRAY, [], hits, rng=np.random.default_rng(0))
    assert len(crops.crops) == 5


def test_neighbors_are_held_back_together() -> None:
    crops = CropSet(48, [GRAY] * 100, [True] * 100, [float(i) for i in range(100)])
    learned, held = crops.split(10, 5)
    assert held.rolls == [*range(10), *range(50, 60)]
    assert len(learned.crops) == 80


def test_mining_looks_at_the_whole_and_at_parts_in_places_of_the_whole() -> None:
    crops, seen = CropSet(), []

    def find(gray: np.ndarray) -> list[Hit]:
        seen.append(gray.shape)
        y, x = np.unravel_index(int(gray.argmax()), gray.shape)
        return [Hit(float(x), float(y), 20, 1)]

    spot = np.zeros((200, 200), np.uint8)
    spot[150, 60] = 255
    mine(crops, [(spot, [Region(50, 140, 20, 20)])], find, views=5, rng=np.random.default_rng(1))
    assert seen[0] == (200, 200)
    assert len(seen) == 6
    assert sum(crops.faces) >= 3  # two scattered copies and the hit in the whole


@pytest.mark.parametrize("roll", [-0.6, 0.0, 0.6])
def test_the_roll_told_is_the_roll_seen(roll: float) -> None:
    upright = np.full((72, 72), 30, np.uint8)
    cv2.rectangle(upright, (34, 0), (38, 36), 220, -1)  # points up
    matrix = cv2.getRotationMatrix2D((36, 36), math.degrees(roll), 1.0)
    crop = cv2.warpAffine(upright, matrix, (72, 72), borderMode=cv2.BORDER_REPLICATE)
    crops = CropSet(48, [crop, GRAY[:72, :72]], [True, False], [roll, math.nan])
    pixels, targets = CropBatches(crops, batch=40, steepest=30, seed=5)()
    assert pixels.shape == (40, 48, 48, 1)
    assert targets[:20, 0].all()
    assert not targets[20:, 0].any()
    assert not targets[20:, 2].any()
    for image, (_, told, _) in zip(pixels[:20, :, :, 0], targets[:20], strict=True):
        y, x = np.nonzero(image > (image.min() + image.max()) / 2)
        seen = math.atan2(-(x.mean() - 23.5), -(y.mean() - 23.5))
        assert told * ROLL_UNIT == pytest.approx(seen, abs=0.35)
