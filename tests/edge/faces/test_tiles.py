"""Views of an image: everything is covered, what a tile cuts is its neighbor's, and places come back right."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.edge.faces.tiles import cover, render

SIZE = (144, 192)
IMAGES = [(480, 640), (1080, 1920), (640, 480), (16, 16), (6000, 8000), (100, 3000), (1, 1)]


@pytest.mark.parametrize("image", IMAGES)
def test_one_view_shows_the_whole_image(image: tuple[int, int]) -> None:
    (tile,) = cover(image, SIZE, 1)
    assert (tile.x, tile.y) == (0, 0)
    assert tile.width <= SIZE[1]
    assert tile.height <= SIZE[0]


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("level", [2, 4])
def test_tiles_cover_every_pixel_and_overlap(image: tuple[int, int], level: int) -> None:
    tiles = cover(image, SIZE, level)
    if not tiles:
        assert level * min(SIZE[0] / image[0], SIZE[1] / image[1]) > 1.5
        return
    seen = np.zeros((tiles[0].height, tiles[0].width), np.uint8)
    for tile in tiles:
        seen[tile.y : tile.y + SIZE[0], tile.x : tile.x + SIZE[1]] = 1
    assert seen.all()
    columns = sorted({tile.x for tile in tiles})
    assert all(b - a <= 0.71 * SIZE[1] for a, b in itertools.pairwise(columns))


@pytest.mark.parametrize("level", [1, 2, 4])
def test_a_place_in_a_view_is_the_place_in_the_image(level: int) -> None:
    gray = np.zeros((960, 1280), np.uint8)
    cv2.circle(gray, (700, 300), 20, 255, -1)
    tiles = cover(gray.shape, SIZE, level)
    places = []
    for tile, pixels in zip(tiles, render(gray, tiles, SIZE), strict=True):
        assert pixels.shape == SIZE
        y, x = np.nonzero(pixels > 127)
        # A disc that the tile shows as a whole.
        if len(x) and x.min() > 0 and x.max() < SIZE[1] - 1 and y.min() > 0 and y.max() < SIZE[0] - 1:
            places.append(tile.in_image(Hit(x.mean() + 0.5, y.mean() + 0.5, 10, 0)))
    assert places
    for place in places:
        assert (place.x, place.y) == pytest.approx((700, 300), abs=6 / level)


@pytest.mark.parametrize(
    ("x", "cut_in"),
    [
        (185, [True, False]),  # reaches beyond the first tile's right edge
        (170, [False, True]),  # touches the edge of the first, is cut by the second's left one
    ],
)
def test_a_face_cut_by_an_inner_edge_is_left_to_the_neighbor(x: float, cut_in: list[bool]) -> None:
    tiles = cover((288, 384), SIZE, 2)
    first, second = tiles[0], tiles[1]
    assert (first.y, second.y) == (0, 0)
    places = [x - first.x, x - second.x]
    places[1] = 6 if cut_in[1] else places[1]
    cuts = [tile.cuts(Hit(at, 60, 36, 0), SIZE) for tile, at in zip((first, second), places, strict=True)]
    assert cuts == cut_in


def test_a_face_cut_by_the_edge_of_the_image_is_kept() -> None:
    first = cover((288, 384), SIZE, 2)[0]
    assert not first.cuts(Hit(2, 2, 40, 0), SIZE)
