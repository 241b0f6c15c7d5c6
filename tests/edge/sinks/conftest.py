"""Updates as the loop publishes them, for every sink's tests."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from edgeemo.edge.detect import Box
from edgeemo.edge.emotion import FaceResult, FrameResult, StageTimes
from edgeemo.edge.sources import Frame
from edgeemo.edge.tracks import Track
from edgeemo.edge.update import State, Status, Update

Make = Callable[..., Update]


def make_update(
    index: int | None = 0,
    *,
    state: State = State.RUNNING,
    reason: str = "",
    happy: float = 0.75,
    faces: int = 1,
    shape: tuple[int, int] = (120, 160),
    at: float | None = None,
    image: np.ndarray | None = None,
) -> Update:
    """A frame with `faces` faces that are followed, or with `index` None a change of state."""
    now = time.monotonic()
    status = Status(state, reason, since=now, reconnects=2, dropped=3, fps=12.5)
    moment = now if at is None else at
    if index is None:
        return Update(None, None, status, time.time(), moment)
    values = {"happy": happy, "neutral": 1 - happy}
    label = max(values, key=values.__getitem__)
    boxes = [Box(10 + 50 * place, 10, 40, 40) for place in range(faces)]
    found = tuple(FaceResult(box, label, values) for box in boxes)
    tracks = tuple(
        Track(7 + place, box, label, values[label], values, True, place, 1.5) for place, box in enumerate(boxes)
    )
    if image is None:
        image = np.full((*shape, 3), 40 + index % 200, np.uint8)
    frame = Frame(index, index / 10, image, "/dev/video0")
    return Update(frame, FrameResult(found, StageTimes(20, 0.5, 1, 0.25)), status, time.time(), moment, tracks)


@pytest.fixture
def update() -> Make:
    """Makes updates; see :func:`make_update`."""
    return make_update


def eventually(true: Callable[[], object], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., bool]:
    return eventually
