"""Faces as HTML for notebooks: the image with its boxes, and a bar for each probability."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import cv2
import numpy as np

from .face import Face

#: Longest side of the image in pixels, and its JPEG quality: some 100 KB in the notebook's file.
_SIDE, _QUALITY = 800, 85
#: Faces that get bars.
_BARS = 20
_ACCENT = "#e8590c"


def image_html(image: np.ndarray, faces: Sequence[Face]) -> str:
    """Return an image with a box around each face and the faces' bars beside it; it needs nothing from elsewhere.

    Args:
        image: uint8 (h, w) gray or (h, w, 3) RGB.
        faces: faces to mark.
    """
    height, width = image.shape[:2]
    line, text = max(1.0, max(width, height) / 250), max(8.0, max(width, height) / 32)
    marks = "".join(_mark(number, face, line, text) for number, face in enumerate(faces, 1))
    drawing = (
        f'<svg viewBox="0 0 {width} {height}" style="width:100%;max-width:{min(width, _SIDE)}px;min-width:15em;'
        f'flex:2 1 15em" role="img" aria-label="{len(faces)} faces">'
        f'<image href="data:image/jpeg;base64,{_jpeg(image)}" width="{width}" height="{height}"/>{marks}</svg>'
    )
    bars = "".join(f"<div>{bars_html(face, number)}</div>" for number, face in enumerate(faces[:_BARS], 1))
    if len(faces) > _BARS:
        bars += f"<p>and {len(faces) - _BARS} more</p>"
    beside = bars or "<p>no face detected</p>"
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start;font-family:system-ui,sans-serif">'
        f'{drawing}<div style="flex:1 1 14em;max-width:22em">{beside}</div></div>'
    )


def bars_html(face: Face, number: int | None = None) -> str:
    """Return the label of a face and a bar for each of its probabilities.

    Args:
        face: face to show.
        number: its number in the image; None for none.
    """
    name = number if face.track_id is None else face.track_id
    head = ("" if name is None else f"{name} ") + f"{face.label} {face.score:.0%}"
    rows = "".join(_bar(label, value, label == face.label) for label, value in face.scores.items())
    return (
        f"<strong>{html.escape(head)}</strong>"
        f'<table style="width:100%;border-collapse:collapse;font-size:90%">{rows}</table>'
    )


def _bar(label: str, value: float, best: bool) -> str:
    share = 100 * min(1.0, max(0.0, value))
    color = _ACCENT if best else "#8a8f94"
    return (
        f'<tr><td style="text-align:left;padding:0 .5em 0 0">{html.escape(label)}</td>'
        f'<td style="width:60%"><div style="background:{color};height:.8em;width:{share:.1f}%"></div></td>'
        f'<td style="text-align:right;padding:0 0 0 .5em">{value:.1%}</td></tr>'
    )


def _mark(number: int, face: Face, line: float, text: float) -> str:
    box = face.box
    dashes = "" if face.seen else f' stroke-dasharray="{4 * line:.1f}"'
    name = number if face.track_id is None else face.track_id
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" fill="none" stroke="{_ACCENT}"'
        f' stroke-width="{line:.1f}"{dashes}/>'
        f'<text x="{box.x + line:.1f}" y="{box.y + text:.1f}" font-size="{text:.1f}" fill="#fff" stroke="#000"'
        f' stroke-width="{text / 8:.1f}" paint-order="stroke" font-family="sans-serif">'
        f"{html.escape(f'{name} {face.label}')}</text>"
    )


def _jpeg(image: np.ndarray) -> str:
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    if scale < 1:
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return base64.b64encode(data.tobytes()).decode("ascii")
