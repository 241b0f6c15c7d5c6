"""A whole small training of a finder and its second look, resumed where it was killed, and data that does not do."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow")
from edgeemo.edge.common.errors import DataError
from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.train.config.detection import FinderRecipe, load_finder_recipe
from edgeemo.train.datasets.boxes import BoxDataset, BoxedImage, Region
from edgeemo.train.fit.face_finder import (
    FinderData,
    collect_crops,
    read_backgrounds,
    read_faces,
    train_check,
    train_finder,
)

SMALL = [
    "input.height=48",
    "input.width=64",
    "architecture.stem=8",
    "architecture.widths=[8,8,8]",
    "architecture.depths=[1,1,1]",
    "architecture.head=8",
    "training.steps=200",
    "training.batch=4",
    "training.mine=100",
    "training.checkpoint=100",
    "check.steps=200",
    "check.batch=8",
]


def recipe(*more: str) -> FinderRecipe:
    return load_finder_recipe("face-finder", [*SMALL, *more])


def image(name: str, *regions: Region) -> BoxedImage:
    pixels = np.random.default_rng(len(name)).integers(40, 80, (160, 200), dtype=np.uint8)
    for region in regions:
        cv2.circle(pixels, tuple(int(value) for value in region.center), int(region.side / 2), 230, -1)
    return BoxedImage(name, lambda: pixels, regions)


def data() -> FinderData:
    photographs = BoxDataset("p", (image("a", Region(60, 50, 40, 40)), image("bb")))
    backgrounds = BoxDataset("b", (image("ccc"),))
    return FinderData(photographs, backgrounds, (np.full((48, 48), 220, np.uint8),))


def test_finder_and_second_look_are_trained_and_leave_what_made_them(tmp_path: Path) -> None:
    lines: list[str] = []
    model = train_finder(recipe(), data(), tmp_path, tell=lines.append)
    assert model.output_shape == (None, 6 * 8 + 3 * 4 + 2 * 2, 4)
    assert lines[0].startswith("step 200: loss ")
    assert {path.name for path in tmp_path.iterdir()} >= {"recipe.toml", "data.json", "history.csv", "finder.keras"}
    assert json.loads((tmp_path / "data.json").read_text()) == data().hashes
    assert load_finder_recipe(tmp_path / "recipe.toml") == recipe()

    def find(gray: np.ndarray) -> list[Hit]:
        y, x = np.unravel_index(int(cv2.blur(gray, (15, 15)).argmax()), gray.shape)
        return [Hit(float(x), float(y), 40, 1.0)]

    import edgeemo.train.fit.face_finder as module

    module._COMPOSED, composed = 20, module._COMPOSED
    try:
        crops = collect_crops(recipe(), data(), find, find)
    finally:
        module._COMPOSED = composed
    assert any(crops.faces)
    assert not all(crops.faces)
    _, figures = train_check(recipe(), crops, tmp_path / "check")
    assert figures["faces kept"] >= figures["others kept"] - 0.3


def test_a_run_begun_with_other_data_is_refused(tmp_path: Path) -> None:
    train_finder(recipe("training.steps=4", "training.mine=0"), data(), tmp_path)
    other = FinderData(BoxDataset("p", (image("a", Region(61, 50, 40, 40)),)), data().backgrounds, data().faces)
    with pytest.raises(DataError, match="other data"):
        train_finder(recipe(), other, tmp_path)


@pytest.mark.parametrize(
    ("photographs", "backgrounds", "faces", "message"),
    [
        ((image("bb"),), (), 1, "nothing to learn"),
        ((image("a", Region(6, 5, 40, 40)),), (image("c"),), 0, "nothing to paste"),
        ((image("a", Region(6, 5, 40, 40)),), (), 1, "no backgrounds"),
    ],
)
def test_data_that_does_not_do_is_refused(
    photographs: tuple[BoxedImage, ...], backgrounds: tuple[BoxedImage, ...], faces: int, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        FinderData(BoxDataset("p", photographs), BoxDataset("b", backgrounds), (np.zeros((48, 48), np.uint8),) * faces)


def test_backgrounds_are_read_once_and_small_ones_left_out(tmp_path: Path) -> None:
    pixels = cv2.resize(
        np.random.default_rng(0).integers(0, 255, (9, 12), dtype=np.uint8), (800, 600), interpolation=cv2.INTER_CUBIC
    )
    for name, side in (("large.png", 800), ("same.png", 400), ("tiny.png", 100)):
        cv2.imwrite(str(tmp_path / name), cv2.resize(pixels, (side, side * 3 // 4), interpolation=cv2.INTER_AREA))
    assert [each.key for each in read_backgrounds(tmp_path)] == ["large.png"]


def test_square_crops_are_read_as_faces(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 48, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((48, 60), np.uint8))
    (face,) = read_faces(tmp_path)
    assert face.shape == (48, 48)
