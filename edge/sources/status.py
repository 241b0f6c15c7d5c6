"""How a source is, for everybody who wants to know: the loop, its sinks, the service manager."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """How a source is."""

    STARTING = "starting"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    FROZEN = "frozen"
    BLACK = "black"
    ENDED = "ended"


@dataclass(frozen=True)
class Status:
    """How the source and the loop are.

    Args:
        state: only in ``RUNNING`` frames are classified.
        reason: one sentence for people, empty when there is nothing to say. Holds no credentials.
        since: monotonic seconds at which this state began.
        reconnects: how often the source was opened anew.
        dropped: frames that arrived but were not classified: replaced by newer ones, too old, black, frozen, damaged.
        restarts: how often the model's process was started anew.
        fps: classified frames a second over the last seconds.
        active: whether something is being done about a source that gives nothing.
    """

    state: State
    reason: str = ""
    since: float = 0.0
    reconnects: int = 0
    dropped: int = 0
    restarts: int = 0
    fps: float = 0.0
    active: bool = True
