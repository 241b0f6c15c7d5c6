"""The one record of a face: the same in every output."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.faces.analysis import FrameResult, StageTimes
from edgeemo.edge.faces.face import Face, largest
from edgeemo.edge.sinks.base import SourceState, SourceStatus, Update
from edgeemo.edge.sinks.events import frame_event
from edgeemo.edge.sinks.mqtt import message_of
from edgeemo.edge.sinks.web.state import state_of
from edgeemo.edge.sources import Frame
from edgeemo.edge.vision.box import Box

SCORES = {"happy": 2 / 3, "neutral": 1 / 3}
FACE = Face(Box(1, 2, 3, 4), "happy", 2 / 3, SCORES)
ROUNDED = {
    "box": [1, 2, 3, 4],
    "label": "happy",
    "confidence": 0.666667,
    "probabilities": {"happy": 0.666667, "neutral": 0.333333},
}
TRACKED = Face(Box(1, 2, 3, 4), "happy", 2 / 3, SCORES, track_id=7, index=0, age_s=1.23456)


@pytest.mark.parametrize(
    ("face", "json"),
    [
        pytest.param(FACE, ROUNDED, id="in one frame"),
        pytest.param(TRACKED, {"id": 7, "face": 0, **ROUNDED, "age": 1.235}, id="over time"),
    ],
)
def test_every_output_has_the_same_form_and_precision(face: Face, json: dict) -> None:
    frame = Frame(0, 0.0, np.zeros((8, 8, 3), np.uint8), "/dev/video0")
    tracks = (face,) if face.tracked else ()
    result = FrameResult((FACE,), StageTimes(0, 0, 0, 0))
    update = Update(frame, result, SourceStatus(SourceState.RUNNING), 0.0, 0.0, tracks)
    assert face.to_dict() == json
    assert frame_event(update)["faces"] == [ROUNDED]
    assert frame_event(update)["tracks"] == [json] * len(tracks)
    assert state_of(1, update)["faces"] == [json]
    assert message_of(update)["probabilities"] == json["probabilities"]


def test_only_a_tracked_face_can_be_missed() -> None:
    missed = Face(Box(0, 0, 1, 1), "happy", 1.0, {"happy": 1.0}, track_id=1, index=None, age_s=2.0)
    assert (FACE.tracked, FACE.seen) == (False, True)
    assert (TRACKED.tracked, TRACKED.seen) == (True, True)
    assert (missed.tracked, missed.seen) == (True, False)


def test_largest_is_by_area() -> None:
    small = Face(Box(0, 0, 9, 1), "happy", 1.0, {"happy": 1.0})
    assert largest([small, FACE]) == FACE
    assert largest([]) is None
