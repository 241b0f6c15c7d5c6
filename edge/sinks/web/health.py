"""Health of a run: whether fresh frames are being classified."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ...common.errors import OptionError
from ..base import SourceState, Update

#: Seconds without a classified frame after which a runner counts as ill: twice as long as a camera may stay silent
#: before it is reopened.
WITHIN_S = 10.0


@dataclass(frozen=True)
class HealthReport:
    """Health at one moment.

    Args:
        healthy: whether a frame was classified in time.
        state: state of the source.
        age_s: seconds since the last classified frame arrived; None before the first.
    """

    healthy: bool
    state: SourceState
    age_s: float | None

    def to_dict(self) -> dict[str, object]:
        """Return JSON values."""
        age = None if self.age_s is None else round(self.age_s, 3)
        return {"healthy": self.healthy, "state": self.state.value, "age": age}


class Health:
    """Monitor of the updates of a run. Safe in any thread: each value is set in one piece.

    Args:
        within_s: see :data:`WITHIN_S`.

    Raises:
        EdgeemoError: no time at all.
    """

    def __init__(self, *, within_s: float = WITHIN_S) -> None:
        if not (math.isfinite(within_s) and within_s > 0):
            raise OptionError("time to count as healthy out of range", expected="seconds", got=str(within_s))
        self._within_s = within_s
        self._last: float | None = None
        self._state = SourceState.STARTING

    def observe(self, update: Update) -> None:
        """Take an update."""
        self._state = update.status.state
        if update.result is not None:
            self._last = update.monotonic

    def report(self) -> HealthReport:
        """Return the health now."""
        last = self._last
        age = None if last is None else time.monotonic() - last
        healthy = age is not None and age <= self._within_s and self._state is not SourceState.ENDED
        return HealthReport(healthy, self._state, age)
