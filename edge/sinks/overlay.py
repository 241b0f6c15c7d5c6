"""Annotated frames: boxes, labels and the state of the source."""

from __future__ import annotations

import textwrap
import time

import cv2
import numpy as np

from .base import SourceState, Update

_BOX, _AWAY, _BAND, _INK = (20, 200, 250), (150, 150, 150), (30, 30, 30), (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Characters of a sentence in one line.
_COLUMNS = 64


def annotate(update: Update, size: tuple[int, int]) -> np.ndarray:
    """Draw an update.

    Args:
        update: update to draw; without a frame, the state is drawn on an empty image.
        size: width and height of the result; a frame of another size is fitted in, its proportions kept.

    Returns:
        BGR uint8 (height, width, 3), a new array.
    """
    width, height = size
    unit = max(width, height) / 640
    canvas = np.full((height, width, 3), 28, np.uint8)
    if update.frame is not None:
        image = update.frame.image
        scale = min(width / image.shape[1], height / image.shape[0])
        fitted = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        left, top = (width - fitted[0]) // 2, (height - fitted[1]) // 2
        shown = image if scale == 1 else cv2.resize(image, fitted, interpolation=cv2.INTER_AREA)
        canvas[top : top + fitted[1], left : left + fitted[0]] = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
        for face in update.faces:
            box = face.box
            color = _BOX if face.seen else _AWAY
            x, y = round(left + box.x * scale), round(top + box.y * scale)
            far = (round(left + (box.x + box.width) * scale), round(top + (box.y + box.height) * scale))
            cv2.rectangle(canvas, (x, y), far, color, max(1, round(2 * unit)))
            number = f"{face.track_id} " if face.tracked else ""
            _text(canvas, f"{number}{face.label} {face.score:.0%}", (x, y), unit, ink=_BAND, band=color)
    status = update.status
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(update.wall_time))
    foot = [f"{clock}  {status.fps:.1f} frames/s"]
    if status.state is not SourceState.RUNNING:
        foot = [*textwrap.wrap(status.reason, _COLUMNS), f"{clock}  {status.state.value}"]
    for line, text in enumerate(reversed(foot)):
        _text(canvas, text, (0, height - round(line * 26 * unit)), unit, ink=_INK, band=_BAND)
    return canvas


def _text(
    canvas: np.ndarray, text: str, corner: tuple[int, int], unit: float, *, ink: tuple[int, ...], band: tuple[int, ...]
) -> None:
    """Draw text on a band whose lower left corner is ``corner``, moved down into the image if need be."""
    # OpenCV's fonts know ASCII only.
    text = text.encode("ascii", "replace").decode()
    thickness = max(1, round(unit))
    (width, height), low = cv2.getTextSize(text, _FONT, 0.5 * unit, thickness)
    pad = round(4 * unit)
    x, y = corner[0], max(corner[1], height + low + 2 * pad)
    cv2.rectangle(canvas, (x, y - height - low - 2 * pad), (x + width + 2 * pad, y), band, cv2.FILLED)
    cv2.putText(canvas, text, (x + pad, y - low - pad), _FONT, 0.5 * unit, ink, thickness, cv2.LINE_AA)
