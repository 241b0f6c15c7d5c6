"""A drawn "camera": one person before clutter, moving and changing expression, with the truth beside every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

import numpy as np

from .conditions import Light, Occlusion, Pose, Sensor, sample_backdrop
from .expression import EMOTIONS, PROTOTYPES, ActionUnits, blend_units
from .head import outline
from .identity import Identity, sample_identity
from .paint import FIXED, Placement, expose, paint_backdrop, paint_face, project
from .shape import Shape

SIDES = (96, 4096)
# Half the head's height over the image's shorter side: somebody at arm's length from a webcam.
_HEAD_SHARE = 0.24
# Full strength looks like a cartoon; a camera's subject plays it a little down.
_STRENGTH = 0.9
# The share of a hold in which the face is still on its way from the last emotion.
_TRANSITION = 0.3
# Third words of the seeds, not zero (a seed sequence ignores trailing zeros) and not the data set's.
_STORY, _NOISE = 11, 13
# A lit room, in the order of the fields of `Light`.
_LIGHT_LOW = (-np.pi, 0.0, 0.95, 0.8, 0.9, 0.95, 0.92)
_LIGHT_HIGH = (np.pi, 0.15, 1.1, 1.0, 1.0, 1.06, 1.05)
_SENSOR = Sensor(blur=0.08, noise=3.0)


@dataclass(frozen=True, slots=True)
class Truth:
    """Contents of a frame: `box` is x, y, width, height in pixels of the face from hairline to chin."""

    box: tuple[int, int, int, int]
    emotion: str
    index: int


@dataclass(frozen=True, slots=True)
class _Story:
    """All that one clip keeps from frame to frame; rates are in radians per frame."""

    person: Identity
    light: Light
    wall: np.ndarray
    order: tuple[str, ...]
    phases: tuple[float, ...]
    rates: tuple[float, ...]


def camera_clip(
    frames: int = 120, *, width: int = 640, height: int = 480, seed: int = 0, hold: int = 20
) -> Iterator[tuple[np.ndarray, Truth]]:
    """Draw a clip of one face, frame by frame.

    Frame i of a seed is the same whatever `frames` is. Every emotion is shown once before one comes again.

    Args:
        frames: How many, 0 or more.
        width: Pixels, 96 to 4096.
        height: Pixels, 96 to 4096.
        seed: Which clip, 0 or more.
        hold: Frames from one change of emotion to the next, 1 or more; the first third of them is the transition,
            already labeled with the emotion it leads to.

    Returns:
        An iterator over RGB uint8 (height, width, 3) and the frame's truth.

    Raises:
        ValueError: When an argument is out of its range; at the call, not at the first frame.
    """
    for name, value, least in (("frames", frames, 0), ("seed", seed, 0), ("hold", hold, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}.")
    for name, value in (("width", width), ("height", height)):
        if not SIDES[0] <= value <= SIDES[1]:
            raise ValueError(f"{name} must be {SIDES[0]} to {SIDES[1]} pixels, got {value}.")
    return _play(_story(width, height, seed), frames, seed, hold)


def _story(width: int, height: int, seed: int) -> _Story:
    rng = np.random.default_rng([seed, 0, _STORY])
    person = sample_identity(rng)
    light = Light(*rng.uniform(_LIGHT_LOW, _LIGHT_HIGH).tolist())
    wall = paint_backdrop(sample_backdrop(rng, things=14), width=width, height=height)
    order = tuple(EMOTIONS[place] for place in rng.permutation(len(EMOTIONS)))
    phases, rates = rng.uniform(0.0, 2.0 * np.pi, 6), rng.uniform(0.02, 0.06, 6)
    return _Story(person, light, wall, order, tuple(phases.tolist()), tuple(rates.tolist()))


def _play(story: _Story, frames: int, seed: int, hold: int) -> Iterator[tuple[np.ndarray, Truth]]:
    height, width = story.wall.shape[:2]
    for index in range(frames):
        pose, units = _pose(story, index), _units(story, index, hold)
        frame = Placement(pose.scale * _HEAD_SHARE * min(width, height), width / 2.0, height / 2.0)
        # The head may wander over a wide image, but not out of it.
        room_x = max(0.0, width / 2.0 / frame.unit - 1.5)
        room_y = max(0.0, height / 2.0 / frame.unit - 1.55)
        pose = replace(pose, shift_x=pose.shift_x * room_x, shift_y=pose.shift_y * room_y)
        canvas = story.wall.copy()
        paint_face(canvas, story.person, units, pose, Occlusion(), frame)
        image = expose(canvas, story.light, _SENSOR, np.random.default_rng([seed, index, _NOISE]))
        box = _box(story.person, units, pose, frame, width=width, height=height)
        yield image, Truth(box, story.order[index // hold % len(story.order)], index)


def _pose(story: _Story, index: int) -> Pose:
    """Shifts are shares of the room there is, -1 to 1."""
    swing = np.sin(np.array(story.phases) + np.array(story.rates) * index)
    roll, yaw, pitch, shift_x, shift_y, size = (swing * (0.08, 0.13, 0.07, 0.8, 0.8, 0.15)).tolist()
    return Pose(roll, yaw, pitch, shift_x, shift_y, 1.0 + size)


def _units(story: _Story, index: int, hold: int) -> ActionUnits:
    scene, place = divmod(index, hold)
    now = PROTOTYPES[story.order[scene % len(story.order)]]
    before = PROTOTYPES[story.order[(scene - 1) % len(story.order)]] if scene else now
    share = min(1.0, (place + 1) / max(1.0, _TRANSITION * hold))
    mixed = blend_units(before, now, share * share * (3.0 - 2.0 * share))
    return ActionUnits(*(_STRENGTH * strength for strength in astuple(mixed)))


def _box(
    person: Identity, units: ActionUnits, pose: Pose, frame: Placement, *, width: int, height: int
) -> tuple[int, int, int, int]:
    rim = outline(person, units)
    rim[:, 1] = np.maximum(rim[:, 1], person.hairline)
    points = project([Shape(rim, (0.0, 0.0, 0.0))], person, pose, frame)[0][:, 0] / FIXED
    limit = (width, height)
    left, top = np.clip(np.floor(points.min(axis=0)), 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(points.max(axis=0)), 0, limit).astype(int).tolist()
    return left, top, right - left, bottom - top
