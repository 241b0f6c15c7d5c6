"""A classified face: the one record of it in Python, and its one form in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..vision.box import Box

#: Decimals of probabilities in JSON: finer than the step of an int8 output, 1/256, and short enough to read.
DECIMALS = 6


@dataclass(frozen=True)
class Face:
    """A face with its emotion.

    Args:
        box: pixels of the image that it covers.
        label: most probable label. Of a tracked face the stable one, which may be
            :data:`~edgeemo.edge.faces.tracker.UNCERTAIN`.
        score: probability of the label, 0 to 1; of the most probable one while that is uncertain.
        scores: label -> probability, in the order of the model's labels. Of a tracked face smoothed over time.
        track_id: number of a tracked face, from 1, never used again in a run; None without tracking.
        index: of a tracked face its place among the faces of the frame; None while the detector misses it. The box is
            then predicted, and may reach beyond the frame.
        age_s: seconds since a tracked face was first seen.
    """

    box: Box
    label: str
    score: float
    scores: Mapping[str, float]
    track_id: int | None = None
    index: int | None = None
    age_s: float | None = None

    @property
    def tracked(self) -> bool:
        """Whether it has an identity over time."""
        return self.track_id is not None

    @property
    def seen(self) -> bool:
        """Whether it was found in this very frame; False for a tracked face while the detector misses it."""
        return not self.tracked or self.index is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the face for JSON, as every output has it; docs/events.md describes the fields."""
        identity = {"id": self.track_id, "face": self.index} if self.tracked else {}
        age = {} if self.age_s is None else {"age": round(self.age_s, 3)}
        return {
            **identity,
            "box": self.box.to_list(),
            "label": self.label,
            "confidence": round(self.score, DECIMALS),
            "probabilities": {label: round(value, DECIMALS) for label, value in self.scores.items()},
            **age,
        }


def largest(faces: Iterable[Face]) -> Face | None:
    """Return the face with the largest box, most likely the nearest to the camera; None when there is none."""
    return max(faces, key=lambda face: face.box.area, default=None)
