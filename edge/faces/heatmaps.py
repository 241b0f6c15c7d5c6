"""Faces from the heat maps of a face finder: how cells lie, how they are read, and which hits mean the same face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..vision.box import Box

#: Pixels of a cell in each map, the finest first.
STRIDES = (8, 16, 32)
#: Values of a cell: score (a logit), offset of the face's center from the cell's in cells (x, y), and log2 of its side
#: over :data:`UNIT` strides.
CELL = 4
UNIT = 2.5
#: Two hits are one face when their intersection covers this share of the smaller one.
SAME_FACE = 0.45
#: Only hits whose sides differ by less than this factor say where the same face is.
_ALIKE = 1.5
#: Hits of one look that are read at all, the surest first.
_MOST = 60


@dataclass(frozen=True)
class Hit:
    """A face that was found.

    Args:
        x, y: its center, pixels.
        side: of its square box, pixels.
        score: a logit; the larger, the surer.
        roll: rotation in the image plane, radians, counter-clockwise; 0 where nobody has looked.
    """

    x: float
    y: float
    side: float
    score: float
    roll: float = 0.0

    @property
    def box(self) -> Box:
        """The face's square in whole pixels; it may reach beyond the image."""
        side = max(1, round(self.side))
        return Box(round(self.x - self.side / 2), round(self.y - self.side / 2), side, side)

    def overlap(self, other: Hit) -> float:
        """Return the area of the intersection over that of the smaller box: 0 apart, 1 nested."""
        reach = (self.side + other.side) / 2
        smaller = min(self.side, other.side)
        across = min(smaller, reach - abs(self.x - other.x))
        down = min(smaller, reach - abs(self.y - other.y))
        return max(0.0, across) * max(0.0, down) / smaller**2


def grids(height: int, width: int) -> list[tuple[int, int]]:
    """Return the rows and columns of each map for an input of this size."""
    return [(-(-height // stride), -(-width // stride)) for stride in STRIDES]


def cell_centers(height: int, width: int) -> np.ndarray:
    """Return x, y and stride of all cells, the finest map first, row by row: float32 (cells, 3), pixels."""
    parts = []
    for stride, (rows, columns) in zip(STRIDES, grids(height, width), strict=True):
        y, x = np.mgrid[0:rows, 0:columns]
        parts.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.full(x.shape, stride)], -1).reshape(-1, 3))
    return np.concatenate(parts).astype(np.float32)


def read_cells(values: np.ndarray, centers: np.ndarray) -> list[Hit]:
    """Decode the cells that are sure enough to faces, one a cell.

    Args:
        values: float32 (n, 4).
        centers: of these cells, as :func:`cell_centers` gives them: float32 (n, 3).

    Returns:
        The surest first. Cells that are not numbers or give a size beyond any image are left out.
    """
    # A size of 2^8 is beyond every input; clipping keeps the power finite.
    sides = UNIT * centers[:, 2] * np.exp2(np.clip(values[:, 3], -8, 8))
    places = centers[:, :2] + values[:, 1:3] * centers[:, 2:]
    rows = np.column_stack([places, sides, values[:, 0]])
    rows = rows[np.isfinite(rows).all(axis=1)]
    order = np.argsort(-rows[:, 3], kind="stable")[:_MOST]
    return [Hit(*row) for row in rows[order].tolist()]


def suppress(detections: Sequence[Hit]) -> list[Hit]:
    """Keep the surest of the hits that mean the same face (greedy non-maximum suppression), the surest first."""
    return [group[0] for group in _groups(detections)]


def blend(detections: Sequence[Hit]) -> list[Hit]:
    """Blend hits of one face, as :func:`suppress` but with the mean place and size of those of about the same size.

    The mean is weighted by their odds: neighboring cells see the same face, and their errors differ (as in BlazeFace,
    arXiv:1907.05047).
    """
    return [_mean(group) for group in _groups(detections)]


def _groups(detections: Sequence[Hit]) -> list[list[Hit]]:
    """Hits that mean the same face, the surest of them first in each group."""
    groups: list[list[Hit]] = []
    for detection in sorted(detections, key=lambda found: -found.score):
        for group in groups:
            if detection.overlap(group[0]) > SAME_FACE:
                group.append(detection)
                break
        else:
            groups.append([detection])
    return groups


def _mean(group: Sequence[Hit]) -> Hit:
    first = group[0]
    alike = [hit for hit in group if 1 / _ALIKE < hit.side / first.side < _ALIKE]
    weights = [math.exp(hit.score - first.score) for hit in alike]
    total = sum(weights)
    x, y, side = (
        sum(weight * getattr(hit, name) for weight, hit in zip(weights, alike, strict=True)) / total
        for name in ("x", "y", "side")
    )
    return Hit(x, y, side, first.score)
