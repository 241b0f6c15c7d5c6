"""The head that carries the features: outline, hair, ears and the soft shading of skin.

The shading is what a frontal-face cascade looks for (Viola & Jones, "Rapid object detection using a boosted cascade
of simple features", CVPR 2001): eye sockets darker than cheeks and forehead, a bright bridge between them.
"""

from __future__ import annotations

import numpy as np

from .expression import ActionUnits
from .identity import Color, Identity, hair_color, shade
from .shape import Shape, ellipse

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 36, endpoint=False)
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)
_BELOW = np.maximum(_SIN, 0.0)
_CROWN = np.linspace(np.pi, 2.0 * np.pi, 15)
_CROWN_COS, _CROWN_SIN = np.cos(_CROWN), np.sin(_CROWN)


def outline(person: Identity, units: ActionUnits) -> np.ndarray:
    """Return the head's outline, float (36, 2); a dropped jaw makes it longer.

    Args:
        person: Whose head.
        units: The expression; only the jaw moves the outline.

    Returns:
        Points in face units, clockwise from the right ear.
    """
    bottom = person.head_height + 0.14 * units.au26
    x = person.head_width * _COS * (1.0 - (1.0 - person.jaw) * _BELOW**2)
    y = np.where(_SIN > 0.0, bottom * _SIN, person.head_height * _SIN)
    return np.stack([x, y], axis=1)


def back_shapes(person: Identity, skin: Color) -> list[Shape]:
    """Return the shapes behind the face: shoulders, neck, hair at the back and ears."""
    hair = shade(hair_color(person.hair_tone), 0.8)
    width, height, volume = person.head_width, person.head_height, person.hair_volume
    neck = 0.55 * width
    # A shirt is not worth traits of its own.
    shirt: Color = (
        30.0 + 380.0 * abs(person.parting),
        60.0 + 120.0 * person.lip_tone,
        40.0 + 160.0 * person.iris_tone,
    )
    trunk = np.array(
        [(-neck, 0.8), (neck, 0.8), (neck, 1.5), (2.2, 1.9), (2.2, 3.2), (-2.2, 3.2), (-2.2, 1.9), (-neck, 1.5)]
    )
    throat = np.array([(-neck, 0.7), (neck, 0.7), (neck, 1.55), (0.0, 1.85), (-neck, 1.55)])
    mane = np.stack([volume * width * _COS, volume * height * _SIN], axis=1)
    mane[:, 1] = np.minimum(mane[:, 1], person.hair_length)
    shapes = [Shape(mane, hair), Shape(trunk, shirt), Shape(throat, shade(skin, 0.68))]
    if person.hair_length < 0.5:
        for side in (-1, 1):
            shapes.append(Shape(ellipse(side * width, person.eye_line + 0.15, 0.11, 0.2), shade(skin, 0.82)))
    return shapes


def shading_shapes(person: Identity, units: ActionUnits, skin: Color) -> list[Shape]:
    """Return soft light and shade on the skin, to be blurred before anything sharp is drawn."""
    cheek = 0.32 - 0.10 * units.au6 - 0.03 * units.au12
    socket, light = shade(skin, 0.66), shade(skin, 1.13)
    jaw = person.mouth_line + person.lower_lip + 0.06 + 0.30 * units.au26
    shapes = [Shape(ellipse(0.0, -0.72, 0.62 * person.head_width, 0.24), light)]
    if person.stubble > 0.0:
        shapes.append(
            Shape(ellipse(0.0, 0.85, 0.66 * person.head_width, 0.48), shade(skin, 1.0 - 0.45 * person.stubble))
        )
    for side in (-1, 1):
        x = side * person.eye_spacing
        shapes.append(Shape(ellipse(side * 0.93 * person.head_width, 0.3, 0.16, 0.75), shade(skin, 0.80)))
        shapes.append(Shape(ellipse(x, person.eye_line - 0.06, 1.45 * person.eye_width, 0.21), socket))
        shapes.append(Shape(ellipse(x * 1.08, cheek, 0.24, 0.18), light))
        shapes.append(Shape(ellipse(side * person.nose_width * 1.1, 0.05, 0.06, 0.24), shade(skin, 0.85)))
    tip = person.eye_line + person.nose_length
    bridge = np.array([(-0.075, -0.5), (0.075, -0.5), (0.07, 0.0), (0.11, tip), (-0.11, tip), (-0.07, 0.0)])
    shapes.append(Shape(bridge, shade(skin, 1.16), 0.0, 0.06))
    shapes.append(Shape(ellipse(0.0, tip + 0.07, 1.1 * person.nose_width, 0.045), shade(skin, 0.74)))
    shapes.append(Shape(ellipse(0.0, jaw, 0.24, 0.05), shade(skin, 0.70)))
    shapes.append(Shape(ellipse(0.0, jaw + 0.2, 0.2, 0.12), light))
    return shapes


def fringe_shapes(person: Identity) -> list[Shape]:
    """Return the hair on the forehead."""
    hair = hair_color(person.hair_tone)
    volume = 0.5 * (1.0 + person.hair_volume)
    outer = np.stack([volume * person.head_width * _CROWN_COS, volume * person.head_height * _CROWN_SIN], axis=1)
    temple = person.eye_line - 0.25
    inner = np.array(
        [
            (0.93 * person.head_width, temple),
            (0.74 * person.head_width, person.hairline + 0.12),
            (0.35 + 0.2 * person.parting, person.hairline),
            (person.parting, person.hairline - 0.10),
            (-0.35 + 0.2 * person.parting, person.hairline),
            (-0.74 * person.head_width, person.hairline + 0.12),
            (-0.93 * person.head_width, temple),
        ]
    )
    return [Shape(np.concatenate([outer, inner]), hair)]
