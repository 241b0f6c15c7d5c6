"""Eyes, brows, nose and mouth as shapes: what the action units move.

All numbers beside a unit are face units of travel at full strength, chosen by eye and exaggerated a
little, because in an image of 48 pixels a face unit is some 18 pixels.
"""

from __future__ import annotations

import numpy as np

from .conditions import Pose
from .expression import ActionUnits
from .identity import Color, Identity, hair_color, iris_color, mix, shade
from .shape import Shape, between, bow, ellipse, segment

_DARK: Color = (34.0, 22.0, 20.0)
_CAVITY: Color = (58.0, 18.0, 20.0)
_TEETH: Color = (236.0, 230.0, 220.0)
_SCLERA: Color = (232.0, 226.0, 220.0)


def brow_shapes(person: Identity, units: ActionUnits, skin: Color) -> list[Shape]:
    """Return both brows and, when they are drawn together, the furrows between them."""
    inner_x = person.eye_spacing - person.eye_width - 0.02 - 0.07 * units.au4 - 0.02 * units.au9
    outer_x = person.eye_spacing + person.eye_width + 0.10
    level = person.eye_line - person.brow_gap
    inner_y = level + person.brow_slant - 0.17 * units.au1 + 0.15 * units.au4 + 0.09 * units.au9
    outer_y = level - person.brow_slant - 0.14 * units.au2 + 0.02 * units.au4 + 0.04
    middle_y = (inner_y + outer_y) / 2 - person.brow_arch - 0.025 * units.au2 + 0.03 * units.au4
    middle_x = (inner_x + outer_x) / 2 + 0.04
    thick = person.brow_thickness
    color = mix(shade(hair_color(person.hair_tone), 0.75), shade(skin, 0.4), 0.25)
    right = np.array(
        [
            (inner_x, inner_y - thick),
            (middle_x, middle_y - thick),
            (outer_x, outer_y - 0.3 * thick),
            (outer_x, outer_y + 0.3 * thick),
            (middle_x, middle_y + 0.8 * thick),
            (inner_x, inner_y + thick),
        ]
    )
    shapes = [Shape(right, color), Shape(right * (-1.0, 1.0), color)]
    furrow = max(units.au4, 0.6 * units.au9) * person.wrinkles
    if furrow > 0.15:
        ink = shade(skin, 1.0 - 0.55 * furrow)
        for side in (-1, 1):
            line = segment(side * 0.06, inner_y - 0.07, side * 0.05, inner_y + 0.12)
            shapes.append(Shape(line, ink, 0.03))
    raised = min(units.au1, units.au2) * person.wrinkles
    if raised > 0.3:
        ink = shade(skin, 1.0 - 0.25 * raised)
        shapes += [Shape(bow(0.0, level - 0.24 - step, 0.42, -0.04), ink, 0.022) for step in (0.0, 0.11)]
    return shapes


def eye_shapes(person: Identity, units: ActionUnits, pose: Pose, skin: Color) -> list[Shape]:
    """Return both eyes with iris, pupil, lids and the lines that narrowed lids make."""
    open_up = 1.0 + 0.75 * units.au5 - 0.50 * units.au7 - 0.22 * units.au6 - 0.25 * units.au9
    open_down = 0.65 + 0.15 * units.au5 - 0.30 * units.au7 - 0.35 * units.au6 - 0.25 * units.au9
    up = person.eye_height * max(0.18, open_up)
    down = person.eye_height * max(0.10, open_down)
    iris = 0.105 * (person.eye_width / 0.195)
    shapes: list[Shape] = []
    for side in (-1, 1):
        x, y, slant = side * person.eye_spacing, person.eye_line, -side * person.eye_slant
        upper = bow(x, y, person.eye_width, -up * 1.25, slant)
        lower = bow(x, y, person.eye_width, down * 1.25, slant)
        shapes.append(Shape(between(upper, lower), _SCLERA))
        look_x, look_y = x + pose.gaze_x * 0.12, y + pose.gaze_y * 0.08 - 0.01
        for radius, color in ((iris, iris_color(person.iris_tone)), (0.5 * iris, (12.0, 10.0, 10.0))):
            disc = ellipse(look_x, look_y, radius, radius)
            disc[:, 1] = np.clip(
                disc[:, 1],
                np.interp(disc[:, 0], upper[:, 0], upper[:, 1]),
                np.interp(disc[:, 0], lower[:, 0], lower[:, 1]),
            )
            shapes.append(Shape(disc, color))
        shapes.append(Shape(upper, _DARK, 0.045))
        shapes.append(Shape(lower, shade(skin, 0.55), 0.022))
        shapes.append(Shape(upper - (0.0, 0.055), shade(skin, 0.68), 0.02))
        if units.au6 > 0.25:
            corner = side * (person.eye_spacing + person.eye_width)
            ink = shade(skin, 1.0 - 0.4 * person.wrinkles * units.au6)
            for drop in (-0.06, 0.06):
                shapes.append(
                    Shape(segment(corner + side * 0.05, y + drop / 2, corner + side * 0.17, y + drop), ink, 0.02)
                )
            bag = bow(x, y + down * 1.25 + 0.06, 0.9 * person.eye_width, 0.05)
            shapes.append(Shape(bag, ink, 0.025))
    return shapes


def nose_shapes(person: Identity, units: ActionUnits, skin: Color) -> list[Shape]:
    """Return nostrils, wings and the wrinkles of a wrinkled nose."""
    tip = person.eye_line + person.nose_length - 0.07 * units.au9
    half = person.nose_width * (1.0 + 0.18 * units.au9 + 0.08 * units.au12)
    ink = shade(skin, 0.55)
    shapes = [Shape(bow(0.0, tip + 0.01, 0.55 * half, 0.05), ink, 0.03, 0.10)]
    for side in (-1, 1):
        shapes.append(Shape(ellipse(side * 0.5 * half, tip + 0.015, 0.35 * half, 0.028), shade(skin, 0.32), 0.0, 0.10))
        wing = segment(side * half, tip - 0.10, side * half, tip + 0.03, side * 0.25)
        shapes.append(Shape(wing, ink, 0.03, 0.06))
    wrinkle = units.au9 * (0.5 + 0.5 * person.wrinkles)
    if wrinkle > 0.2:
        crease = shade(skin, 1.0 - 0.5 * wrinkle)
        top = person.eye_line + 0.02
        shapes += [Shape(bow(0.0, top + step, 0.10, -0.04), crease, 0.028, 0.08) for step in (0.0, 0.09, 0.18)]
    fold = max(units.au9, 0.9 * units.au12, 0.5 * units.au20)
    if fold > 0.2:
        crease = shade(skin, 1.0 - 0.38 * fold * (0.4 + 0.6 * person.wrinkles))
        for side in (-1, 1):
            reach = side * (person.mouth_width + 0.10 + 0.10 * units.au12)
            line = segment(side * (half + 0.05), tip - 0.06, reach, person.mouth_line - 0.05, -side * 0.15)
            shapes.append(Shape(line, crease, 0.03))
    return shapes


def mouth_shapes(person: Identity, units: ActionUnits, skin: Color) -> list[Shape]:
    """Return the lips, and behind them when they part the teeth and the cavity."""
    half = person.mouth_width * (
        1.0 + 0.28 * units.au12 + 0.30 * units.au20 - 0.22 * units.au24 - 0.25 * units.au26 + 0.05 * units.au16
    )
    corner = person.mouth_line + person.mouth_rest - 0.19 * units.au12 + 0.17 * units.au15 + 0.05 * units.au20
    corner += 0.21 * units.au26
    top = person.mouth_line - 0.03 * units.au25 - 0.07 * units.au9 + 0.03 * units.au12 - 0.03 * units.au15
    gap = 0.10 * units.au25 + 0.42 * units.au26 + 0.09 * units.au16 + 0.05 * units.au25 * units.au12
    press = 1.0 - 0.65 * min(1.0, units.au24)
    thin = press * (1.0 - 0.25 * units.au12 - 0.2 * units.au20)
    # A dropped jaw makes the mouth an oval; every other mouth ends in points.
    oval = min(1.0, units.au26)
    upper = bow(0.0, corner, half, top - corner, roundness=oval)
    lower = bow(0.0, corner, half * 0.98, top + gap - corner, roundness=oval)
    outer_upper = bow(0.0, corner - 0.005, half * 1.04, top - corner, roundness=oval)
    outer_upper[1:-1, 1] -= person.upper_lip * thin * np.array([0.45, 0.8, 1.05, 0.85, 1.05, 0.8, 0.45])
    outer_lower = bow(0.0, corner + 0.005, half * 1.02, top + gap + person.lower_lip * thin - corner, roundness=oval)
    lip = mix(mix(shade(skin, 0.72), (176.0, 74.0, 72.0), 0.25 + 0.35 * person.lip_tone), skin, 0.1)
    shapes = [Shape(between(outer_upper, outer_lower), lip)]
    if gap > 0.04:
        shapes.append(Shape(between(upper, lower), _CAVITY))
        teeth = upper.copy()
        teeth[:, 1] += np.minimum(0.11 - 0.05 * oval, 0.62 * (lower[:, 1] - upper[:, 1]))
        shapes.append(Shape(between(upper, teeth), _TEETH))
        if units.au16 > 0.3:
            sill = lower.copy()
            sill[:, 1] -= np.minimum(0.05, 0.3 * (lower[:, 1] - upper[:, 1]))
            shapes.append(Shape(between(sill, lower), shade(_TEETH, 0.88)))
        if units.au26 > 0.45:
            depth = gap - 0.11
            shapes.append(Shape(ellipse(0.0, top + gap - 0.25 * depth, 0.5 * half, 0.22 * depth), (168.0, 84.0, 84.0)))
    shapes.append(Shape(upper, shade(lip, 0.42), 0.03))
    if units.au15 > 0.25 or units.au24 > 0.4:
        ink = shade(skin, 1.0 - 0.35 * max(units.au15, units.au24) * person.wrinkles)
        for side in (-1, 1):
            x = side * (half + 0.05)
            shapes.append(Shape(segment(x, corner - 0.02, x + side * 0.03, corner + 0.12, -side * 0.1), ink, 0.026))
    return shapes
