"""Targets of the face finder: what is asked of a cell is what the device reads from it; and the loss."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.faces.heatmaps import cell_centers, read_cells, suppress

pytest.importorskip("tensorflow")
from edgeemo.train.tasks.detection import TARGET, detection_loss, targets

SIZE = (144, 192)
FACE, PERHAPS = 1.0, -1.0


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def told(target: np.ndarray) -> np.ndarray:
    """A network's output that says just what the target asks."""
    return np.column_stack([np.where(target[:, 0] > 0, 5.0, -5.0), target[:, 2:]]).astype(np.float32)


@pytest.mark.parametrize("side", [8, 12, 20, 25, 27, 40, 55, 60, 100, 140])
@pytest.mark.parametrize("place", [(96, 72), (3, 5), (190, 140), (100.7, 31.2)])
def test_the_device_reads_what_the_targets_say(side: float, place: tuple[float, float]) -> None:
    (target,) = targets([boxes((*place, side, FACE))], SIZE)
    output, centers = told(target), cell_centers(*SIZE)
    sure = output[:, 0] > 0
    (found,) = suppress(read_cells(output[sure], centers[sure]))
    assert (found.x, found.y, found.side) == pytest.approx((*place, side), abs=1e-3)


@pytest.mark.parametrize(
    ("row", "positive", "ignored"),
    [
        ((96, 72, 40, FACE), True, False),
        ((96, 72, 5, FACE), False, True),  # too small to see
        ((96, 72, 40, PERHAPS), False, True),
        ((96, 72, 27, FACE), True, True),  # nearly the finer map's
    ],
)
def test_what_is_asked_and_what_is_passed_over(row: tuple[float, ...], positive: bool, ignored: bool) -> None:
    (target,) = targets([boxes(row)], SIZE)
    assert (target[:, 0] > 0).any() == positive
    assert (target[:, 1] == 0).any() == ignored
    assert not (target[target[:, 0] > 0, 1] == 0).any()


def test_scenes_of_a_batch_do_not_mix() -> None:
    some = boxes((96, 72, 40, FACE), (30, 30, 12, FACE)), boxes(), boxes((10, 10, 90, FACE))
    together = targets(some, SIZE)
    assert together.shape == (3, 570, TARGET)
    for scene, whole in zip(some, together, strict=True):
        assert (targets([scene], SIZE)[0] == whole).all()
    assert not together[1, :, 0].any()


def test_between_two_faces_a_cell_belongs_to_the_nearer() -> None:
    (target,) = targets([boxes((60, 60, 24, FACE), (70, 60, 24, FACE))], SIZE)
    output, centers = told(target), cell_centers(*SIZE)
    sure = output[:, 0] > 0
    found = read_cells(output[sure], centers[sure])
    assert {round(hit.x) for hit in found} == {60, 70}


def test_the_loss_is_least_where_the_targets_are_met() -> None:
    target = targets([boxes((96, 72, 40, FACE))], SIZE)
    loss = detection_loss(SIZE)
    right = told(target[0])[None]
    wrong, missed, moved = right.copy(), right.copy(), right.copy()
    wrong[0, 7, 0] = 5
    missed[0, target[0, :, 0] > 0, 0] = -5
    moved[..., 1] += 1
    least = float(loss(target, right))
    assert least < 0.05
    assert all(float(loss(target, worse)) > least + 0.05 for worse in (wrong, missed, moved))
