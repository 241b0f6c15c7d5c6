"""Who is drawn: the proportions and colors of one person at rest.

Lengths are in face units: the origin is the middle of the head, x to the right, y down, and an average head is
two units wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]

# Anchors from light to dark skin, RGB. Tone 0 to 1 runs through them.
_SKIN_ANCHORS: tuple[Color, ...] = (
    (242.0, 212.0, 190.0),
    (226.0, 184.0, 152.0),
    (196.0, 146.0, 110.0),
    (150.0, 102.0, 74.0),
    (104.0, 70.0, 52.0),
)
# Anchors from black through brown and blond to gray hair, RGB.
_HAIR_ANCHORS: tuple[Color, ...] = (
    (22.0, 18.0, 16.0),
    (48.0, 32.0, 24.0),
    (88.0, 58.0, 36.0),
    (168.0, 128.0, 78.0),
    (150.0, 148.0, 146.0),
)
# Anchors from dark brown to blue irises, RGB.
_IRIS_ANCHORS: tuple[Color, ...] = ((44.0, 28.0, 20.0), (70.0, 46.0, 28.0), (66.0, 84.0, 60.0), (74.0, 104.0, 132.0))


@dataclass(frozen=True, slots=True)
class Identity:
    """Proportions (face units) and tones (0 to 1) of one person."""

    head_width: float
    head_height: float
    jaw: float
    eye_spacing: float
    eye_width: float
    eye_height: float
    eye_line: float
    eye_slant: float
    brow_gap: float
    brow_thickness: float
    brow_slant: float
    brow_arch: float
    nose_length: float
    nose_width: float
    mouth_line: float
    mouth_width: float
    mouth_rest: float
    upper_lip: float
    lower_lip: float
    skin_tone: float
    lip_tone: float
    hair_tone: float
    hair_volume: float
    hair_length: float
    hairline: float
    parting: float
    iris_tone: float
    wrinkles: float
    stubble: float


# Smallest and largest value of every field, in the field's order. Brow slant and the mouth at rest are wide enough
# for one person's neutral to look like another's faint sadness or anger.
RANGES: dict[str, tuple[float, float]] = {
    "head_width": (0.88, 1.08),
    "head_height": (1.20, 1.40),
    "jaw": (0.62, 0.92),
    "eye_spacing": (0.37, 0.46),
    "eye_width": (0.17, 0.22),
    "eye_height": (0.075, 0.105),
    "eye_line": (-0.22, -0.08),
    "eye_slant": (-0.03, 0.03),
    "brow_gap": (0.21, 0.29),
    "brow_thickness": (0.03, 0.06),
    "brow_slant": (-0.035, 0.035),
    "brow_arch": (0.02, 0.07),
    "nose_length": (0.40, 0.54),
    "nose_width": (0.13, 0.20),
    "mouth_line": (0.60, 0.72),
    "mouth_width": (0.29, 0.40),
    "mouth_rest": (-0.03, 0.03),
    "upper_lip": (0.045, 0.08),
    "lower_lip": (0.06, 0.11),
    "skin_tone": (0.0, 1.0),
    "lip_tone": (0.0, 1.0),
    "hair_tone": (0.0, 1.0),
    "hair_volume": (1.02, 1.22),
    "hair_length": (-0.3, 1.3),
    "hairline": (-0.92, -0.70),
    "parting": (-0.5, 0.5),
    "iris_tone": (0.0, 1.0),
    "wrinkles": (0.3, 1.0),
    "stubble": (-0.5, 0.5),
}
_LOW, _HIGH = np.array(list(RANGES.values())).T


def sample_identity(rng: np.random.Generator) -> Identity:
    """Sample a person, every proportion uniform in its range of `RANGES`."""
    return Identity(*rng.uniform(_LOW, _HIGH).tolist())


def shade(color: Color, factor: float) -> Color:
    """Return a lighter (factor above 1) or darker color (below 1); OpenCV draws what is above 255 as 255."""
    return (color[0] * factor, color[1] * factor, color[2] * factor)


def mix(first: Color, second: Color, share: float) -> Color:
    """Return the color on the way from the first (share 0) to the second (share 1)."""
    keep = 1.0 - share
    return (
        keep * first[0] + share * second[0],
        keep * first[1] + share * second[1],
        keep * first[2] + share * second[2],
    )


def _along(anchors: tuple[Color, ...], tone: float) -> Color:
    position = min(max(tone, 0.0), 1.0) * (len(anchors) - 1)
    index = min(int(position), len(anchors) - 2)
    return mix(anchors[index], anchors[index + 1], position - index)


def skin_color(tone: float) -> Color:
    """Return the color of skin, RGB 0 to 255, for a tone from 0 (light) to 1 (dark)."""
    return _along(_SKIN_ANCHORS, tone)


def hair_color(tone: float) -> Color:
    """Return the color of hair, RGB 0 to 255, for a tone from 0 (black) to 1 (gray)."""
    return _along(_HAIR_ANCHORS, tone)


def iris_color(tone: float) -> Color:
    """Return the color of an iris, RGB 0 to 255, for a tone from 0 (dark brown) to 1 (blue)."""
    return _along(_IRIS_ANCHORS, tone)
