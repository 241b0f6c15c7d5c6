"""Cells of heat maps to faces, and which hits mean the same one."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.faces.heatmaps import Hit, cell_centers, grids, read_cells, suppress


def test_cells_lie_row_by_row_the_finest_map_first() -> None:
    centers = cell_centers(144, 192)
    assert grids(144, 192) == [(18, 24), (9, 12), (5, 6)]
    assert len(centers) == 18 * 24 + 9 * 12 + 5 * 6
    assert centers[0].tolist() == [4, 4, 8]
    assert centers[1].tolist() == [12, 4, 8]
    assert centers[-1].tolist() == [176, 144, 32]


@pytest.mark.parametrize(
    ("cell", "values", "expected"),
    [
        (0, (1.0, 0, 0, 0), (4, 4, 20)),
        (25, (1.0, 0.5, -0.5, 1), (16, 8, 40)),
        (-1, (1.0, 0, 0, 0), (176, 144, 80)),
    ],
)
def test_a_cell_says_where_and_how_large(cell: int, values: tuple[float, ...], expected: tuple[float, ...]) -> None:
    (found,) = read_cells(np.array([values], np.float32), cell_centers(144, 192)[[cell]])
    assert (found.x, found.y, found.side) == pytest.approx(expected)
    assert found.score == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_cells_that_are_not_numbers_are_left_out(bad: float, place: int) -> None:
    values = np.zeros((2, 4), np.float32)
    values[0, place] = bad
    assert len(read_cells(values, cell_centers(144, 192)[:2])) == 1


@pytest.mark.parametrize("size", [1e30, -1e30, np.inf])
def test_sizes_beyond_every_image_stay_finite(size: float) -> None:
    found = read_cells(np.array([[0, 0, 0, size]], np.float32), cell_centers(144, 192)[:1])
    assert all(np.isfinite(hit.side) and hit.side > 0 for hit in found)


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        (Hit(50, 50, 40, 1), 1),  # the same
        (Hit(54, 50, 40, 1), 1),  # nearly
        (Hit(50, 50, 20, 1), 1),  # nested
        (Hit(91, 50, 40, 1), 2),  # beside it
        (Hit(75, 50, 40, 1), 2),  # half hidden behind it
    ],
)
def test_hits_of_one_face_become_one(other: Hit, kept: int) -> None:
    sure = Hit(50, 50, 40, 2)
    found = suppress([other, sure])
    assert found[0] == sure
    assert len(found) == kept
