"""Filled outlines and strokes in face units, and the few curves that they are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .identity import Color

# Enough corners for a smooth eye at 192 pixels; every further one costs drawing time.
_SPAN = np.linspace(-1.0, 1.0, 9)
_BOW = 1.0 - _SPAN**2
_ARC = np.sqrt(_BOW)
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 16, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 16, endpoint=False))],
    axis=1,
)


class Shape(NamedTuple):
    """One outline (`width` 0) or stroke (`width` in face units).

    `points` is float (k, 2); `lift` is how far the shape stands out of the head's surface, in face units.
    """

    points: np.ndarray
    color: Color
    width: float = 0.0
    lift: float = 0.0


def ellipse(x: float, y: float, half_width: float, half_height: float) -> np.ndarray:
    """Return the outline of an upright ellipse, float (16, 2)."""
    return _CIRCLE * (half_width, half_height) + (x, y)


def bow(x: float, y: float, half_width: float, height: float, slant: float = 0.0, roundness: float = 0.0) -> np.ndarray:
    """Return a bow from left to right, float (9, 2).

    Args:
        x: Middle of both ends.
        y: Height of both ends when there is no slant.
        half_width: Half the distance between the ends.
        height: How far the middle lies below (positive) or above (negative) the ends.
        slant: How far the right end lies below the middle of both, the left end above it.
        roundness: From a parabola (0) to half an ellipse (1).

    Returns:
        Points in order of x.
    """
    curve = np.empty((len(_SPAN), 2))
    curve[:, 0] = x + half_width * _SPAN
    curve[:, 1] = y + height * (_BOW + roundness * (_ARC - _BOW)) + slant * _SPAN
    return curve


def between(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return the outline enclosed by two curves that run in the same direction."""
    return np.concatenate([upper, lower[::-1]])


def segment(x0: float, y0: float, x1: float, y1: float, sag: float = 0.0) -> np.ndarray:
    """Return a line between two points, float (3, 2), its middle moved sideways to the line's left by `sag`."""
    middle_x, middle_y = (x0 + x1) / 2 + sag * (y1 - y0), (y0 + y1) / 2 - sag * (x1 - x0)
    return np.array([(x0, y0), (middle_x, middle_y), (x1, y1)])
