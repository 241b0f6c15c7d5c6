"""Detector of gaps in a stream of images without timestamps: what comes after one may have been waiting somewhere."""

from __future__ import annotations

#: A pause out of the ordinary is one of at least so many seconds...
_LEAST_S = 1.0
#: ...and so many times the usual one between two images, so that a camera with an image every other second has none.
_TIMES = 5.0
#: Weight of the newest interval in the usual one.
_WEIGHT = 0.1


class GapDetector:
    """Detector of pauses: the sender stopped, the network did, or we slept and did not read.

    As long as images are read without such a pause, none of them can have waited for longer than one.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._usual: float | None = None

    def before(self, arrived: float) -> float:
        """Return the seconds of the pause that ended with an image at a monotonic second; 0 when there was none."""
        last, self._last = self._last, arrived
        if last is None:
            return 0.0
        interval = arrived - last
        if self._usual is None:
            # Nothing is known yet: a camera with an image every other second would pause all the time.
            self._usual = interval
            return 0.0
        ordinary = interval < max(_LEAST_S, _TIMES * self._usual)
        self._usual += _WEIGHT * (interval - self._usual)
        return 0.0 if ordinary else interval
