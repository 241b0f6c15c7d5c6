"""What the runner says of a frame, as one line of JSON; docs/events.md describes it for those who read it."""

from __future__ import annotations

import json
from typing import Any, TextIO

from .emotion import FaceResult, FrameResult
from .sources import Frame
from .update import Update

#: Raised when a field changes its meaning or goes; new fields may come without.
SCHEMA = 1


class JsonLines:
    """Writes one line for each frame and flushes it, so that a reader sees it at once.

    Args:
        stream: text, stays open.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def publish(self, update: Update) -> None:
        """Write one line for a frame, in one piece."""
        if update.frame is None or update.result is None:
            return
        self._stream.write(json.dumps(event(update.frame, update.result), separators=(",", ":")) + "\n")
        self._stream.flush()


def event(frame: Frame, result: FrameResult) -> dict[str, Any]:
    """One frame and its faces, for JSON."""
    return {
        "schema": SCHEMA,
        "index": frame.index,
        "time": frame.time_s,
        "source": frame.name,
        "faces": [face_event(face) for face in result.faces],
        "ms": result.times.to_dict(),
    }


def face_event(face: FaceResult) -> dict[str, Any]:
    """One face, for JSON; probabilities are rounded to 6 decimals, finer than an int8 output's step of 1/256."""
    box = face.box
    return {
        "box": [box.x, box.y, box.width, box.height],
        "label": face.label,
        "confidence": round(face.confidence, 6),
        "probabilities": {label: round(value, 6) for label, value in face.probabilities.items()},
    }
