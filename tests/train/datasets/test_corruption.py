"""Corruptions: the same for the same image, worse by severity, and of the size that the image had."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.datasets.corruption import KINDS, SEVERITIES, corrupt, corrupted
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.formats.synthetic import synthetic_dataset

from ...conftest import raises


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return synthetic_dataset(train=0, test=14, size=48)


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 3), (31, 60), (90, 64, 3), (1, 1), (2, 5, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_type_stay(kind: str, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    before = image.copy()
    for severity in SEVERITIES:
        found = corrupt(image, kind, severity, seed=3)
        assert (found.shape, found.dtype) == (shape, np.uint8)
    assert (image == before).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_severity_goes_further_from_the_image(faces: Dataset, kind: str) -> None:
    gaps = [
        np.mean([np.abs(one - two.astype(float)).mean() for one, two in zip(images, faces.images, strict=True)])
        for images in (corrupted(faces, kind, severity).images for severity in SEVERITIES)
    ]
    assert gaps == sorted(gaps)
    assert gaps[0] > 0.3
    assert gaps[-1] > 2 * gaps[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_corrupted_alike_wherever_it_stands(faces: Dataset, kind: str) -> None:
    spec = InputSpec(48, 48)
    whole = corrupted(faces, kind, 3).pixels(spec)
    order = [5, 0, 11]
    assert (corrupted(faces.take(order), kind, 3).pixels(spec) == whole[order]).all()
    assert (corrupted(faces, kind, 3).pixels(spec) == whole).all()


@pytest.mark.parametrize("kind", ["noise", "rotation"])
def test_images_draw_apart(faces: Dataset, kind: str) -> None:
    flat = np.tile(np.linspace(60, 190, 48).astype(np.uint8), (48, 1))
    drawn = {corrupt(flat, kind, 3, seed=int(sample.digest[:8], 16)).tobytes() for sample in faces.samples}
    assert len(drawn) == {"noise": 14, "rotation": 2}[kind]


@pytest.mark.parametrize("stops", [-1, 1])
def test_one_stop_is_half_or_twice_the_light(stops: int) -> None:
    kind, severity = ("dark", 1) if stops < 0 else ("bright", 2)
    image = np.full((4, 4), 100, np.uint8)
    light = (corrupt(image, kind, severity) / 255.0) ** 2.2 / (100 / 255.0) ** 2.2
    assert light == pytest.approx(np.full((4, 4), 2.0**stops), rel=0.02)


def test_noise_has_its_deviation() -> None:
    found = corrupt(np.full((200, 200), 128, np.uint8), "noise", 3, seed=1)
    assert found.std() == pytest.approx(0.06 * 255, rel=0.02)


@pytest.mark.parametrize("kind", ["blur", "low resolution"])
def test_small_and_large_images_lose_alike(kind: str) -> None:
    soft = []
    for side in (48, 192):
        edge = np.zeros((side, side), np.uint8)
        edge[:, side // 2 :] = 200
        row = corrupt(edge, kind, 4)[side // 2]
        soft.append(((row > 20) & (row < 180)).mean())
    assert soft == pytest.approx([0.08, 0.08], abs=0.05)


def test_what_is_small_already_keeps_its_resolution() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    assert (corrupt(tiny, "low resolution", 3) == tiny).all()
    assert (corrupt(tiny, "low resolution", 4) != tiny).any()


def test_colors_keep_their_places() -> None:
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 200
    for kind in KINDS:
        found = corrupt(red, kind, 2, seed=1).reshape(-1, 3).mean(axis=0)
        assert found[0] > 100 > 3 * found[1:].max() or kind == "noise"


@pytest.mark.parametrize(("kind", "severity"), [("fog", 1), ("dark", 0), ("dark", 6)])
def test_what_is_not_known_is_refused(kind: str, severity: int) -> None:
    with raises(EdgeemoError, problem="^unknown corruption$", expected="^one of dark, bright, blur"):
        corrupt(np.zeros((4, 4), np.uint8), kind, severity)
