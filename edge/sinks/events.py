"""JSON of a run's updates, as docs/output.md describes it."""

from __future__ import annotations

from typing import Any

from .base import Update

#: Raised when a field changes its meaning or goes; new fields may come without.
SCHEMA = 1
#: Of the lines of a run. 2: not every line is a frame; ``type`` tells.
LINE_SCHEMA = 2


def frame_event(update: Update) -> dict[str, Any]:
    """Return a classified frame with its faces and tracked faces as JSON values."""
    assert update.frame is not None
    assert update.result is not None
    return {
        "schema": LINE_SCHEMA,
        "type": "frame",
        "index": update.frame.index,
        "time": update.frame.time_s,
        "wall": round(update.wall_time, 3),
        "source": update.frame.name,
        "faces": [face.to_dict() for face in update.result.faces],
        "tracks": [face.to_dict() for face in update.tracks],
        "ms": update.result.times.to_dict(),
    }


def status_event(update: Update) -> dict[str, Any]:
    """Return the status of the source as JSON values."""
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
