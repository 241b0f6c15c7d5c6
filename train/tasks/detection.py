"""Finding faces: targets on the cells of three heat maps, and the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.faces.heatmaps import STRIDES, UNIT, grids
from ..backend import tf

#: Values of a target's cell: score, weight of the score, offset x and y, size.
TARGET = 5


@dataclass(frozen=True)
class Level:
    """One heat map.

    Args:
        stride: pixels of a cell.
        low, high: sides in pixels of the faces that are its to find.
    """

    stride: int
    low: float
    high: float


LEVELS = tuple(Level(stride, low, high) for stride, low, high in zip(STRIDES, (0, 26, 56), (26, 56, 1e9), strict=True))
#: Cells within so many sides of a face's center are its cells.
_CORE = 0.22
#: A face of a neighboring level's size is that level's to find, and no mistake on this one.
_SHARED = 1.33
#: What another level finds is background here, but resembles a face: a mistake of less weight.
_ELSEWHERE = 0.3
#: In pixels; below it nothing can be seen, and nothing is asked.
_SMALLEST = 7.0


def targets(boxes: Sequence[np.ndarray], shape: tuple[int, int], levels: Sequence[Level] = LEVELS) -> np.ndarray:
    """Compute the targets of a batch of scenes.

    Args:
        boxes: for each scene float32 (n, 4): center x, center y, side in pixels, and 1 for a face or -1 for what
            counts neither as a face nor as background.
        shape: (height, width) of the scenes.
        levels: the maps.

    Returns:
        float32 (scenes, cells, 5), the cells of the finest map first, as the network gives them.
    """
    counts = [len(rows) for rows in boxes]
    scene = np.repeat(np.arange(len(boxes)), counts)
    flat = np.concatenate(list(boxes)) if sum(counts) else np.empty((0, 4), np.float32)
    maps = [
        _level_targets(flat, scene, len(boxes), grid, level) for grid, level in zip(grids(*shape), levels, strict=True)
    ]
    return np.concatenate(maps, axis=1)


def _level_targets(
    boxes: np.ndarray, scene: np.ndarray, scenes: int, grid: tuple[int, int], level: Level
) -> np.ndarray:
    rows, columns = grid
    out = np.zeros((scenes, rows * columns, TARGET), np.float32)
    out[..., 1] = 1
    if not len(boxes):
        return out
    stride = level.stride
    middle_y, middle_x = ((np.arange(n, dtype=np.float32) + 0.5) * stride for n in grid)
    x, y, side, kind = (boxes[:, i, None] for i in range(4))
    dx = x - np.tile(middle_x, rows)
    dy = y - np.repeat(middle_y, columns)
    distance = np.hypot(dx, dy)
    # Faces between two cells always have the one that holds their center.
    core = (distance <= np.maximum(0.75 * stride, _CORE * side)) | (
        (np.abs(dx) <= stride / 2) & (np.abs(dy) <= stride / 2)
    )
    face, visible = kind > 0, side >= _SMALLEST
    mine = (side >= level.low) & (side < level.high)
    near = (side >= level.low / _SHARED) & (side < level.high * _SHARED)
    positive = core & face & visible & mine
    ignored = core & face & (~visible | (near & ~mine))
    ignored |= ~face & (distance <= np.maximum(stride, 0.5 * side))
    elsewhere = core & face & visible & ~near

    starts = np.flatnonzero(np.diff(scene, prepend=-1))
    present = scene[starts]

    def by_scene(mask: np.ndarray) -> np.ndarray:
        found = np.zeros((scenes, mask.shape[1]), bool)
        found[present] = np.logical_or.reduceat(mask, starts, axis=0)
        return found

    weight = out[..., 1]
    weight[by_scene(elsewhere)] = _ELSEWHERE
    weight[by_scene(ignored)] = 0
    taken = by_scene(positive)
    weight[taken] = 1
    out[..., 0][taken] = 1
    # Where two faces claim a cell, it belongs to the one whose center is nearer, in sides.
    claim = np.where(positive, distance / side, np.inf)
    nearest = np.full((scenes, claim.shape[1]), np.inf)
    nearest[present] = np.minimum.reduceat(claim, starts, axis=0)
    winner, cell = np.nonzero(positive & (claim == nearest[scene]))
    out[scene[winner], cell, 2] = dx[winner, cell] / stride
    out[scene[winner], cell, 3] = dy[winner, cell] / stride
    out[scene[winner], cell, 4] = np.log2(side[winner, 0] / (UNIT * stride))
    return out


def detection_loss(shape: tuple[int, int]) -> Callable[[Any, Any], Any]:
    """Return the loss for (height, width): focal of the scores, and L1 of place and size where a face is.

    Lin et al. 2017 (arXiv:1708.02002) with alpha 0.75 for faces: they are one cell in a hundred. Each map has its own
    mean over its faces, so that the many small ones do not drown the few large.

    Returns:
        (float32 (batch, cells, 5) of :func:`targets`, float32 (batch, cells, 4) of the network) -> a scalar.
    """
    sizes = [rows * columns for rows, columns in grids(*shape)]

    def loss(target: Any, predicted: Any) -> Any:
        pairs = zip(tf.split(target, sizes, axis=1), tf.split(predicted, sizes, axis=1), strict=True)
        return tf.add_n([_map_loss(wanted, given) for wanted, given in pairs])

    return loss


def _map_loss(target: Any, predicted: Any) -> Any:
    score, weight, place = target[..., 0], target[..., 1], target[..., 2:]
    logit = predicted[..., 0]
    chance = tf.sigmoid(logit)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(score, logit)
    focal = tf.where(score > 0.5, 0.75 * (1 - chance) ** 2, 0.25 * chance**2) * entropy * weight
    # A batch without a large face must not make the few cells that see one so dear.
    faces = tf.reduce_sum(score) + 8.0
    misplaced = tf.abs(predicted[..., 1:4] - place) * score[..., None]
    return (4 * tf.reduce_sum(focal) + tf.reduce_sum(misplaced)) / faces
