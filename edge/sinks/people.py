"""Whom to show: the faces over time where there are any, else those of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..faces.haar import Box
from .base import State, Update


@dataclass(frozen=True)
class Person:
    """One face to show.

    Args:
        id: of its track; None without tracks.
        box, label, confidence, probabilities: as in a track or a face.
        seen: found in this very frame.
    """

    id: int | None
    box: Box
    label: str
    confidence: float
    probabilities: dict[str, float]
    seen: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id,
            "box": [self.box.x, self.box.y, self.box.width, self.box.height],
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
            "seen": self.seen,
        }


def people_of(update: Update) -> list[Person]:
    """Nobody while the source does not run: what was seen before is not seen now."""
    if update.status.state is not State.RUNNING:
        return []
    if update.tracks:
        return [Person(t.id, t.box, t.label, t.confidence, t.probabilities, t.seen) for t in update.tracks]
    if update.result is None:
        return []
    return [Person(None, f.box, f.label, f.confidence, f.probabilities) for f in update.result.faces]


def largest(people: list[Person]) -> Person | None:
    """The one nearest to the camera, most likely; None when there is nobody."""
    return max(people, key=lambda person: person.box.area, default=None)
