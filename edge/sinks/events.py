"""What the runner says of a frame, as one line of JSON; docs/output.md describes it for those who read it."""

from __future__ import annotations

from typing import Any

from ..faces.analysis import FaceResult
from ..faces.tracker import Track
from .base import Update

#: Raised when a field changes its meaning or goes; new fields may come without.
SCHEMA = 1
#: Of the lines of a run. 2: not every line is a frame; ``type`` tells.
LINE_SCHEMA = 2


def frame_event(update: Update) -> dict[str, Any]:
    """A classified frame with its faces and the faces over time, for JSON."""
    assert update.frame is not None
    assert update.result is not None
    return {
        "schema": LINE_SCHEMA,
        "type": "frame",
        "index": update.frame.index,
        "time": update.frame.time_s,
        "wall": round(update.wall_time, 3),
        "source": update.frame.name,
        "faces": [face_event(face) for face in update.result.faces],
        "tracks": [track_event(track) for track in update.tracks],
        "ms": update.result.times.to_dict(),
    }


def status_event(update: Update) -> dict[str, Any]:
    """How the source is, for JSON."""
    status = update.status
    return {
        "schema": LINE_SCHEMA,
        "type": "status",
        "state": status.state.value,
        "reason": status.reason,
        "wall": round(update.wall_time, 3),
        "reconnects": status.reconnects,
        "dropped": status.dropped,
        "restarts": status.restarts,
        "fps": round(status.fps, 2),
    }


def track_event(track: Track) -> dict[str, Any]:
    """One face over time, for JSON."""
    box = track.box
    return {
        "id": track.id,
        "face": track.face,
        "box": [box.x, box.y, box.width, box.height],
        "label": track.label,
        "confidence": round(track.confidence, 6),
        "probabilities": {label: round(value, 6) for label, value in track.probabilities.items()},
        "age": round(track.age_s, 3),
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
