"""Batches of scenes: shapes, range, and targets that follow a mirrored scene."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from edgeemo.train.datasets.boxes import BoxedImage, Region
from edgeemo.train.inputs.scene_batches import SceneBatches
from edgeemo.train.inputs.scenes import Photograph, SceneComposer, SceneSources

SIZE = (96, 128)


def batches(seed: int = 0) -> SceneBatches:
    pixels = np.full((150, 200), 60, np.uint8)
    face = Photograph(BoxedImage("a", lambda: pixels, (Region(20, 30, 40, 40),)))
    empty = Photograph(BoxedImage("b", lambda: pixels))
    crop = np.full((48, 48), 250, np.uint8)
    return SceneBatches(SceneComposer(SceneSources([face], [empty], [crop]), SIZE, seed=seed), batch=16)


def test_a_batch_is_what_network_and_loss_take() -> None:
    draw = batches()
    for _ in range(3):
        pixels, targets = draw()
        assert pixels.shape == (16, *SIZE, 1)
        assert pixels.dtype == np.float32
        assert pixels.min() >= -1
        assert pixels.max() <= 1
        assert targets.shape == (16, 12 * 16 + 6 * 8 + 3 * 4, 5)
        assert np.isfinite(targets).all()


def test_every_scene_is_used_twice_once_mirrored() -> None:
    draw = batches()
    draw()
    assert len(draw._pool) == 8
    pixels, boxes = draw._pool[0]
    assert pixels.flags["C_CONTIGUOUS"]
    assert boxes.shape[1] == 4
