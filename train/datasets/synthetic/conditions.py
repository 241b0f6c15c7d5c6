"""Conditions of an image: pose, light, sensor, what hides it and what lies behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Occluder(Enum):
    """Objects that may hide a part of the face."""

    NOTHING = "nothing"
    HAND = "hand"
    GLASSES = "glasses"
    LOCK = "lock"
    BAR = "bar"


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is and how it is turned: angles in radians, shifts in face units, scale 1 fills the image."""

    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 0.9
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """Light and exposure: direction in radians, slope from edge to edge, tint as R and B relative to G."""

    direction: float = 0.0
    slope: float = 0.0
    gain: float = 1.0
    gamma: float = 1.0
    contrast: float = 1.0
    red: float = 1.0
    blue: float = 1.0


@dataclass(frozen=True, slots=True)
class Sensor:
    """Blur (standard deviation in hundredths of the image's width) and noise (gray levels)."""

    blur: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Occlusion:
    """What hides the face; `place`, `reach` and `tone` are 0 to 1, `side` is -1 or 1."""

    occluder: Occluder = Occluder.NOTHING
    place: float = 0.0
    reach: float = 0.0
    tone: float = 0.0
    side: int = 1


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The clutter behind the head.

    `corners` are the RGB colors (0 to 1) of the image's four corners, row by row; every row of `things` is kind,
    x, y, width, height, R, G, B of one drawn thing, all 0 to 1.
    """

    corners: tuple[tuple[float, ...], ...]
    things: tuple[tuple[float, ...], ...]


# Standard deviations and ranges below are what makes a linear model fail while a small CNN does not: a feature
# moves by more than its own size between faces.
_POSE_SPREAD = np.array([0.10, 0.13, 0.09, 0.08, 0.08])
_POSE_LIMIT = 2.2
_LIGHT_LOW = np.array([-np.pi, 0.0, 0.80, 0.75, 0.85, 0.90, 0.85])
_LIGHT_HIGH = np.array([np.pi, 0.40, 1.15, 1.30, 1.00, 1.12, 1.10])
_LOW_CONTRAST_SHARE = 0.12
_OCCLUDERS = (Occluder.HAND, Occluder.GLASSES, Occluder.LOCK, Occluder.BAR)
_OCCLUDED_SHARE = 0.22


def sample_pose(rng: np.random.Generator) -> Pose:
    """Sample a head roughly upright and roughly in the middle, as a face detector crops it."""
    roll, yaw, pitch, shift_x, shift_y = (
        _POSE_SPREAD * np.clip(rng.standard_normal(5), -_POSE_LIMIT, _POSE_LIMIT)
    ).tolist()
    scale, gaze_x, gaze_y = rng.uniform((0.96, -0.4, -0.25), (1.16, 0.4, 0.25)).tolist()
    return Pose(roll, yaw, pitch, shift_x, shift_y, scale, gaze_x, gaze_y)


def sample_light(rng: np.random.Generator) -> Light:
    """Sample light from any side; one image in eight is flat, as in fog or through a dirty lens."""
    values = rng.uniform(_LIGHT_LOW, _LIGHT_HIGH)
    flat, depth = rng.random(2)
    if flat < _LOW_CONTRAST_SHARE:
        values[4] = 0.45 + 0.30 * depth
    return Light(*values.tolist())


def sample_sensor(rng: np.random.Generator) -> Sensor:
    """Sample a camera between good and poor."""
    blur, noise = rng.uniform((0.0, 1.0), (1.0, 5.5)).tolist()
    return Sensor(blur, noise)


def sample_occlusion(rng: np.random.Generator) -> Occlusion:
    """Sample what hides the face: mostly nothing, otherwise any occluder, anywhere it would naturally be."""
    chance, which, place, reach, tone, side = rng.random(6).tolist()
    hidden = chance < _OCCLUDED_SHARE
    occluder = _OCCLUDERS[int(which * len(_OCCLUDERS))] if hidden else Occluder.NOTHING
    return Occlusion(occluder, place, reach, tone, 1 if side < 0.5 else -1)


def sample_backdrop(rng: np.random.Generator, *, things: int = 5) -> Backdrop:
    """Sample a wall with things before it.

    Args:
        rng: Where the variation comes from.
        things: How many things are drawn.

    Returns:
        Colors and places of all of them.
    """
    # A wall has one color with a slow drift, so the corners stay near one another.
    corners = np.clip(rng.uniform(0.2, 0.8) + rng.normal(0.0, 0.07, 3) + rng.normal(0.0, 0.06, (4, 3)), 0.0, 1.0)
    table = rng.random((things, 8))
    # Rooms are not painted in pure colors.
    table[:, 5:] = 0.45 * table[:, 5:] + 0.55 * table[:, 5:6]
    return Backdrop(tuple(map(tuple, corners.tolist())), tuple(map(tuple, table.tolist())))
