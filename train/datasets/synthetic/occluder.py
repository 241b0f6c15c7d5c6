"""Shapes of the objects that hide a part of the face."""

from __future__ import annotations

import numpy as np

from .conditions import Occluder, Occlusion
from .identity import Color, Identity, hair_color, shade
from .shape import Shape, ellipse


def occluder_shapes(occlusion: Occlusion, person: Identity, skin: Color) -> list[Shape]:
    """Return the occluder's shapes, in face units, to be drawn last.

    Args:
        occlusion: What it is and where.
        person: Whose hair and eyes it has to fit.
        skin: The person's skin, RGB 0 to 255.

    Returns:
        Shapes in drawing order; none when nothing hides the face.
    """
    match occlusion.occluder:
        case Occluder.HAND:
            return _hand(occlusion, skin)
        case Occluder.GLASSES:
            return _glasses(occlusion, person)
        case Occluder.LOCK:
            return _lock(occlusion, person)
        case Occluder.BAR:
            return _bar(occlusion)
        case Occluder.NOTHING:
            return []


def _hand(occlusion: Occlusion, skin: Color) -> list[Shape]:
    side, color = occlusion.side, shade(skin, 0.9)
    x, y = side * (1.0 - 0.55 * occlusion.reach), 0.1 + 0.95 * occlusion.place
    shapes = [Shape(ellipse(x + side * 0.25, y + 0.3, 0.36, 0.40), color)]
    for finger in range(4):
        start = (x + side * 0.12, y + 0.08 + 0.16 * finger)
        end = (x - side * (0.34 - 0.05 * abs(finger - 1)), y - 0.12 + 0.17 * finger)
        shapes.append(Shape(np.array([start, end]), shade(color, 0.72), 0.19))
        shapes.append(Shape(np.array([start, end]), color, 0.14))
    return shapes


def _glasses(occlusion: Occlusion, person: Identity) -> list[Shape]:
    rim: Color = (40.0 + 120.0 * occlusion.tone, 36.0 + 90.0 * occlusion.tone, 34.0 + 70.0 * occlusion.tone)
    width, half_height = 0.03 + 0.035 * occlusion.reach, 0.19 + 0.06 * occlusion.place
    half_width, shapes = person.eye_width + 0.09, []
    for side in (-1, 1):
        lens = ellipse(side * person.eye_spacing, person.eye_line + 0.02, half_width, half_height)
        shapes.append(Shape(np.concatenate([lens, lens[:1]]), rim, width, 0.05))
        hinge = side * (person.eye_spacing + half_width)
        arm = np.array([(hinge, person.eye_line), (side * person.head_width, person.eye_line - 0.04)])
        shapes.append(Shape(arm, rim, width))
    inner = person.eye_spacing - half_width
    shapes.append(Shape(np.array([(-inner, person.eye_line), (inner, person.eye_line)]), rim, width, 0.08))
    return shapes


def _lock(occlusion: Occlusion, person: Identity) -> list[Shape]:
    side = occlusion.side
    root, end = side * (0.2 + 0.3 * occlusion.place), side * (0.55 + 0.25 * occlusion.tone)
    length = person.eye_line + 0.9 * occlusion.reach
    points = [
        (root - side * 0.2, -1.0),
        (root + side * 0.3, -1.0),
        (end + side * 0.18, person.eye_line),
        (end, length),
        (end - side * 0.12, person.eye_line),
    ]
    return [Shape(np.array(points), shade(hair_color(person.hair_tone), 1.1))]


def _bar(occlusion: Occlusion) -> list[Shape]:
    gray = 20.0 + 215.0 * occlusion.tone
    color: Color = (gray, 0.95 * gray, 0.9 * gray)
    half, at = 0.10 + 0.10 * occlusion.reach, -1.0 + 2.0 * occlusion.place
    if occlusion.side > 0:
        return [Shape(np.array([(at - half, -3.0), (at + half, -3.0), (at + half, 3.0), (at - half, 3.0)]), color)]
    return [Shape(np.array([(-3.0, at - half), (3.0, at - half), (3.0, at + half), (-3.0, at + half)]), color)]
