"""From shapes in face units to pixels: projection, drawing, light and sensor."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import cv2
import numpy as np

from .conditions import Backdrop, Light, Occlusion, Pose, Sensor
from .expression import ActionUnits
from .features import brow_shapes, eye_shapes, mouth_shapes, nose_shapes
from .head import back_shapes, fringe_shapes, outline, shading_shapes
from .identity import Color, Identity, skin_color
from .occluder import occluder_shapes
from .shape import Shape

# OpenCV draws at fixed-point coordinates with this many fractional bits.
_SHIFT = 4
FIXED = float(1 << _SHIFT)
# How far the middle of the face stands out before its rim, in face units.
_DEPTH = 0.75
# The gray level that exposure aims at, and that less contrast draws everything to.
_MIDDLE = 118.0
_GREYS = np.linspace(0.0, 1.0, 256)


class Placement(NamedTuple):
    """Where face units lie in an image: pixels per unit and the pixel position of the origin."""

    unit: float
    x: float
    y: float


def project(shapes: list[Shape], person: Identity, pose: Pose, frame: Placement) -> list[np.ndarray]:
    """Turn the shapes with the head and find their pixels.

    Args:
        shapes: In face units, (k, 2) each.
        person: Whose head's curvature they follow.
        pose: How the head is turned and shifted; its scale is the frame's business.
        frame: Where the face units lie in the image.

    Returns:
        One int32 (k, 1, 2) for every shape, in sixteenths (`FIXED`) of a pixel, as OpenCV draws them.
    """
    lengths = [len(shape.points) for shape in shapes]
    points = np.concatenate([shape.points for shape in shapes])
    lift = np.repeat([shape.lift for shape in shapes], lengths)
    x, y = points[:, 0], points[:, 1]
    radius = (x / person.head_width) ** 2 + (y / person.head_height) ** 2
    depth = _DEPTH * np.sqrt(np.maximum(0.0, 1.0 - radius)) + lift
    x = x * math.cos(pose.yaw) + depth * math.sin(pose.yaw)
    y = y * math.cos(pose.pitch) + depth * math.sin(pose.pitch)
    cos, sin = math.cos(pose.roll), math.sin(pose.roll)
    pixels = np.empty((len(points), 1, 2))
    pixels[:, 0, 0] = frame.x + frame.unit * (cos * x - sin * y + pose.shift_x)
    pixels[:, 0, 1] = frame.y + frame.unit * (sin * x + cos * y + pose.shift_y)
    # Pixel centers are whole numbers to OpenCV, hence the half.
    fixed = np.rint((pixels - 0.5) * FIXED).astype(np.int32)
    ends = list(accumulate(lengths))
    return [fixed[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _draw(canvas: np.ndarray, shapes: list[Shape], pixels: list[np.ndarray], unit: float) -> None:
    for shape, points in zip(shapes, pixels, strict=True):
        if shape.width:
            thickness = max(1, round(shape.width * unit))
            cv2.polylines(canvas, [points], False, shape.color, thickness, cv2.LINE_AA, _SHIFT)
        else:
            cv2.fillPoly(canvas, [points], shape.color, cv2.LINE_AA, _SHIFT)


def paint_face(
    canvas: np.ndarray, person: Identity, units: ActionUnits, pose: Pose, occlusion: Occlusion, frame: Placement
) -> None:
    """Draw one face onto an image, in place.

    Args:
        canvas: RGB uint8 (height, width, 3), contiguous.
        person: Who.
        units: The expression.
        pose: How the head is turned and shifted; its scale is the frame's business.
        occlusion: What hides a part of it.
        frame: Where the face units lie in the image.
    """
    skin: Color = skin_color(person.skin_tone)
    rim = outline(person, units)
    # The mask stays a little inside, so that the smooth edge drawn with the outline survives.
    head, mask_head = [Shape(rim, skin)], [Shape(0.985 * rim, skin)]
    back, soft = back_shapes(person, skin), shading_shapes(person, units, skin)
    front = mouth_shapes(person, units, skin) + nose_shapes(person, units, skin)
    front += eye_shapes(person, units, pose, skin) + brow_shapes(person, units, skin)
    front += fringe_shapes(person) + occluder_shapes(occlusion, person, skin)
    groups = (back, head, mask_head, soft, front)
    pixels = project([shape for group in groups for shape in group], person, pose, frame)
    ends = list(accumulate(map(len, groups)))

    _draw(canvas, back + head, pixels[: ends[1]], frame.unit)
    # The shading is blurred on a sheet of plain skin and laid inside the outline, which keeps its sharp edge.
    sheet = np.empty_like(canvas)
    cv2.rectangle(sheet, (0, 0), (canvas.shape[1], canvas.shape[0]), skin, -1)
    _draw(sheet, soft, pixels[ends[2] : ends[3]], frame.unit)
    kernel = max(3, int(0.16 * frame.unit) | 1)
    sheet = cv2.blur(sheet, (kernel, kernel))
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [pixels[ends[1]]], 255, cv2.LINE_8, _SHIFT)
    cv2.copyTo(sheet, mask, canvas)
    _draw(canvas, front, pixels[ends[3] :], frame.unit)


def paint_backdrop(backdrop: Backdrop, *, width: int, height: int) -> np.ndarray:
    """Paint the clutter behind the head.

    Args:
        backdrop: Colors and things.
        width: Pixels.
        height: Pixels.

    Returns:
        RGB uint8 (height, width, 3).
    """
    corners = (255.0 * np.array(backdrop.corners)).reshape(2, 2, 3).astype(np.uint8)
    canvas = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    reach = min(width, height)
    for kind, x, y, wide, high, *rgb in backdrop.things:
        color = tuple(255.0 * value for value in rgb)
        center = (round(x * width), round(y * height))
        axes = (round(reach * (0.04 + 0.22 * wide)), round(reach * (0.04 + 0.22 * high)))
        if kind < 0.4:
            cv2.ellipse(canvas, center, axes, 180.0 * high, 0.0, 360.0, color, -1, cv2.LINE_AA)
        elif kind < 0.75:
            corner = (center[0] + axes[0], center[1] + axes[1])
            cv2.rectangle(canvas, (center[0] - axes[0], center[1] - axes[1]), corner, color, -1)
        else:
            end = (round(wide * width), round(high * height))
            cv2.line(canvas, center, end, color, max(1, round(0.03 * reach)), cv2.LINE_AA)
    return canvas


@lru_cache(maxsize=8)
def _ramp(length: int) -> np.ndarray:
    return np.linspace(-1.0, 1.0, length, dtype=np.float32)


def expose(image: np.ndarray, light: Light, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """Degrade a scene as a camera does: sloping light, tint, gamma, contrast, blur and noise.

    Args:
        image: RGB uint8 (height, width, 3).
        light: The light and the exposure.
        sensor: The camera's blur and noise.
        rng: Where the noise comes from.

    Returns:
        RGB uint8 of the same shape.
    """
    height, width = image.shape[:2]
    across = (light.slope * math.cos(light.direction)) * _ramp(width)
    down = (light.slope * math.sin(light.direction)) * _ramp(height)
    field = np.float32(light.gain) * (1.0 + across[None, :] + down[:, None])
    tint = np.array([light.red, 1.0, light.blue], np.float32)
    lit = cv2.multiply(image, field[..., None] * tint, dtype=cv2.CV_8U)
    curve = 255.0 * _GREYS**light.gamma
    lit = cv2.LUT(lit, np.clip(_MIDDLE + light.contrast * (curve - _MIDDLE), 0.0, 255.0).astype(np.uint8))
    sigma = sensor.blur * width / 100.0
    if sigma > 0.2:
        lit = cv2.GaussianBlur(lit, (0, 0), sigma)
    # One field for all channels: a third of the cost, and the gray image is as noisy as the color one.
    noise = np.float32(sensor.noise) * rng.standard_normal((height, width), dtype=np.float32)
    return cv2.add(lit, cv2.merge([noise, noise, noise]), dtype=cv2.CV_8U)
