"""Labeled synthetic faces, any number, the same for ever from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .conditions import (
    Backdrop,
    Light,
    Occlusion,
    Pose,
    Sensor,
    sample_backdrop,
    sample_light,
    sample_occlusion,
    sample_pose,
    sample_sensor,
)
from .expression import EMOTIONS, ActionUnits, sample_units
from .identity import Identity, sample_identity
from .paint import Placement, expose, paint_backdrop, paint_face

SIZES = (24, 512)
CHANNELS = {"gray": 1, "rgb": 3}
# Drawn at least this large and reduced, so that small faces keep thin lines as shades of gray.
_DRAWN_AT_LEAST = 96
# Half the image's side in face units at scale 1: a head of average height fills the image.
_HALF_SIDE = 1.35
# Third word of the label blocks' seed; not zero, because a seed sequence ignores trailing zeros.
_LABELS = 7


@dataclass(frozen=True, slots=True)
class FaceParameters:
    """Everything about one face but the sensor noise's pixels."""

    label: int
    identity: Identity
    units: ActionUnits
    pose: Pose
    light: Light
    sensor: Sensor
    occlusion: Occlusion
    backdrop: Backdrop


@lru_cache(maxsize=64)
def _label_block(seed: int, block: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng([seed, block, _LABELS]).permutation(len(EMOTIONS)).tolist())


def face_label(seed: int, index: int) -> int:
    """Return the class of face `index` of a seed: every seven faces from a multiple of seven hold each emotion once."""
    block, place = divmod(index, len(EMOTIONS))
    return _label_block(seed, block)[place]


def _sample(seed: int, index: int) -> tuple[FaceParameters, np.random.Generator]:
    rng = np.random.default_rng([seed, index])
    label = face_label(seed, index)
    parameters = FaceParameters(
        label,
        sample_identity(rng),
        sample_units(EMOTIONS[label], rng),
        sample_pose(rng),
        sample_light(rng),
        sample_sensor(rng),
        sample_occlusion(rng),
        sample_backdrop(rng),
    )
    return parameters, rng


def sample_face(seed: int, index: int) -> FaceParameters:
    """Sample the parameters of one face.

    Args:
        seed: Which endless series of faces, 0 or more.
        index: Which face of it, 0 or more.

    Returns:
        Parameters that depend on the seed and the index alone.
    """
    return _sample(seed, index)[0]


def draw_face(face: FaceParameters, *, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one face.

    Args:
        face: What to draw.
        size: Side of the image in pixels.
        rng: Where the sensor noise comes from.

    Returns:
        RGB uint8 (size, size, 3).
    """
    side = size * -(-_DRAWN_AT_LEAST // size)
    canvas = paint_backdrop(face.backdrop, width=side, height=side)
    frame = Placement(face.pose.scale * side / (2.0 * _HALF_SIDE), side / 2.0, side / 2.0)
    paint_face(canvas, face.identity, face.units, face.pose, face.occlusion, frame)
    if side > size:
        canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return expose(canvas, face.light, face.sensor, rng)


def make_faces(
    n: int, *, size: int = 48, channels: str = "gray", seed: int = 0, start: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labeled faces for demos and tests.

    Face i of a seed is the same whatever `n`, `start` and the machine's earlier calls are; `start` is how a training
    and a test set are kept apart. The gray image is the luma (ITU-R BT.601) of the RGB one.

    Args:
        n: How many faces, 0 or more.
        size: Side of the images in pixels, 24 to 512.
        channels: `gray` or `rgb`.
        seed: Which endless series of faces, 0 or more.
        start: Index of the first face, 0 or more.

    Returns:
        Pixels uint8 (n, size, size, 1 or 3) and labels int64 (n,), indices into `EMOTIONS`. From a start that is a
        multiple of seven the classes' counts differ by one at most.

    Raises:
        ValueError: When an argument is out of its range.
    """
    for name, value in (("n", n), ("seed", seed), ("start", start)):
        if value < 0:
            raise ValueError(f"{name} must be 0 or more, got {value}.")
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size must be {SIZES[0]} to {SIZES[1]} pixels, got {size}.")
    if channels not in CHANNELS:
        raise ValueError(f"channels must be one of {', '.join(CHANNELS)}, got {channels!r}.")
    pixels = np.empty((n, size, size, CHANNELS[channels]), np.uint8)
    labels = np.empty(n, np.int64)
    for row in range(n):
        face, rng = _sample(seed, start + row)
        image = draw_face(face, size=size, rng=rng)
        pixels[row] = image if channels == "rgb" else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
        labels[row] = face.label
    return pixels, labels
