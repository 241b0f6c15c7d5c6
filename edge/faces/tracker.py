"""Tracking: one identity for each face over time, and a label that does not flicker."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..common.errors import OptionError
from ..vision.box import Box
from .face import Face

#: Label of a face whose smoothed probabilities favor nothing.
UNCERTAIN = "uncertain"
#: Time constant of the smoothing in seconds. docs/tracking.md has flicker and delay for other values.
SMOOTH_S = 0.5
#: A track ends when it was not seen for this long. Haar misses a face for some frames when it blinks or turns; somebody
#: who comes back later may be somebody else.
LOST_S = 1.5
#: A label stays until another one's smoothed probability is higher by this much.
MARGIN = 0.1
#: Below the first smoothed confidence a label becomes :data:`UNCERTAIN`; it takes the second to become certain again.
UNSURE, SURE = 0.35, 0.45
#: Largest step from a track's predicted place to a face that may be its own, in sides of the face: further than a head
#: moves in the 0.1 s between frames, nearer than the next head.
GATE = 0.9
#: Sightings before a track is reported: a false hit of a detector seldom comes twice at one place.
SIGHTINGS = 2

#: Standard deviations in sides of the face: of a detector's center, of its size, of the acceleration (per s^2) and of
#: the change of size (per s). Haar's boxes on synthetic clips scatter by 0.02 of a side; heads accelerate by several.
_SPOT, _SIZE, _ACCELERATION, _GROWTH = 0.04, 0.08, 1.0, 0.5


class Tracker:
    """Tracker of faces from frame to frame.

    A constant-velocity Kalman filter (Kalman 1960) predicts where each face is; faces go to the nearest prediction in
    place and size, the best pair first. An exact assignment differs from that only where two faces lie within one
    head's width of each other's prediction, and would need scipy, which the base install leaves out.

    Args:
        smooth_s: time constant of the exponential smoothing in seconds, independent of the frame rate; 0 for none.
        lost_s: seconds that a face may be missed before its track ends.

    Raises:
        OptionError: a negative time.
    """

    def __init__(self, *, smooth_s: float = SMOOTH_S, lost_s: float = LOST_S) -> None:
        for name, value in (("smoothing", smooth_s), ("time until a track is lost", lost_s)):
            if not (math.isfinite(value) and value >= 0):
                raise OptionError(f"{name} out of range", expected="0 seconds or more", got=str(value))
        self._smooth_s = smooth_s
        self._lost_s = lost_s
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._time = -math.inf

    def update(self, faces: Sequence[Face], time_s: float) -> tuple[Face, ...]:
        """Take the faces of the next frame.

        Args:
            faces: faces of that frame, classified one by one.
            time_s: time of that frame in seconds, on a clock that does not jump. A time before the last frame's starts
                over, as a video that is played again does; no identity is kept then.

        Returns:
            Every face that is being tracked, oldest first, with its identity, its stable label and its smoothed scores;
            :attr:`Face.seen` of those that are among ``faces``.
        """
        if time_s < self._time:
            self._tracks = []
        self._time = time_s
        self._tracks = [one for one in self._tracks if time_s - one.seen_at <= self._lost_s]
        for one in self._tracks:
            one.predict(time_s)
        pairs = self._pair([face.box for face in faces])
        tracked = []
        for place, one in enumerate(self._tracks):
            index = pairs.get(place)
            if index is not None:
                one.take(faces[index], time_s, self._smooth_s)
            if one.sightings >= SIGHTINGS:
                tracked.append(one.face(faces, index, time_s))
        # A single miss right after the first sighting: rather a false hit than a face.
        self._tracks = [one for one in self._tracks if one.sightings >= SIGHTINGS or one.seen_at == time_s]
        for index in sorted(set(range(len(faces))) - set(pairs.values())):
            self._tracks.append(_Track(self._next_id, faces[index], time_s))
            self._next_id += 1
        return tuple(tracked)

    def _pair(self, found: list[Box]) -> dict[int, int]:
        """Pair by prediction, and the rest by the last box: a head that turns back is not where it was heading."""
        pairs = match([one.box for one in self._tracks], found)
        lone = [place for place in range(len(self._tracks)) if place not in pairs]
        free = [index for index in range(len(found)) if index not in pairs.values()]
        back = match([self._tracks[place].last for place in lone], [found[index] for index in free])
        return {**pairs, **{lone[place]: free[index] for place, index in back.items()}}


def match(predicted: Sequence[Box], found: Sequence[Box]) -> dict[int, int]:
    """Pair predicted with detected boxes, the nearest pair first.

    Returns:
        Index of a prediction -> index of its box; without those that are further than :data:`GATE` apart.
    """
    steps = [
        (_step(there, here), place, index) for place, there in enumerate(predicted) for index, here in enumerate(found)
    ]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for step, place, index in sorted(steps):
        if step > GATE:
            break
        if place not in pairs and index not in taken:
            pairs[place] = index
            taken.add(index)
    return pairs


def _step(one: Box, other: Box) -> float:
    """Return the distance of the centers in sides of the face, plus half the logarithm of the ratio of the sizes."""
    side = math.sqrt(math.sqrt(one.area * other.area))
    return math.dist(one.center, other.center) / side + 0.5 * abs(math.log(one.area / other.area))


class _Track:
    """State of one tracked face: filter (center x, y, width, height, velocity of the center), smoothing and label."""

    def __init__(self, number: int, face: Face, time_s: float) -> None:
        self.id = number
        self.born = self.seen_at = self._at = time_s
        self.sightings = 1
        self.last = face.box
        self._smoothed = np.array(list(face.scores.values()))
        self._label = UNCERTAIN
        self._decide(list(face.scores))
        side = math.sqrt(face.box.area)
        # Nothing is known of the velocity at first: a head may cross its own width in half a second.
        self._x, self._y = (_Moving(place, (_SPOT * side) ** 2, (2 * side) ** 2) for place in face.box.center)
        self._width, self._height = (
            _Changing(length, (_SIZE * side) ** 2) for length in (face.box.width, face.box.height)
        )

    @property
    def box(self) -> Box:
        """Latest estimate."""
        x, y, width, height = self._x.place, self._y.place, self._width.length, self._height.length
        width, height = max(width, 1.0), max(height, 1.0)
        return Box(round(x - width / 2), round(y - height / 2), max(1, round(width)), max(1, round(height)))

    def predict(self, time_s: float) -> None:
        dt = time_s - self._at
        self._at = time_s
        side = math.sqrt(self.box.area)
        jolt, growth = (_ACCELERATION * side) ** 2 * dt, (_GROWTH * side) ** 2 * dt
        self._x.predict(dt, jolt)
        self._y.predict(dt, jolt)
        self._width.predict(growth)
        self._height.predict(growth)

    def take(self, face: Face, time_s: float, smooth_s: float) -> None:
        side, (x, y) = math.sqrt(face.box.area), face.box.center
        self._x.correct(x, (_SPOT * side) ** 2)
        self._y.correct(y, (_SPOT * side) ** 2)
        self._width.correct(face.box.width, (_SIZE * side) ** 2)
        self._height.correct(face.box.height, (_SIZE * side) ** 2)
        share = 1 - math.exp(-(time_s - self.seen_at) / smooth_s) if smooth_s else 1.0
        self._smoothed += share * (np.array(list(face.scores.values())) - self._smoothed)
        self.seen_at = time_s
        self.sightings += 1
        self.last = face.box
        self._decide(list(face.scores))

    def _decide(self, labels: list[str]) -> None:
        self._labels = labels
        best = int(self._smoothed.argmax())
        top = self._smoothed[best]
        if self._label == UNCERTAIN:
            if top >= SURE:
                self._label = labels[best]
        elif top < UNSURE:
            self._label = UNCERTAIN
        elif top - self._smoothed[labels.index(self._label)] >= MARGIN:
            self._label = labels[best]

    def face(self, faces: Sequence[Face], index: int | None, time_s: float) -> Face:
        values = [float(value) for value in self._smoothed]
        scores = dict(zip(self._labels, values, strict=True))
        return Face(
            box=self.box if index is None else faces[index].box,
            label=self._label,
            score=scores.get(self._label, max(values)),
            scores=scores,
            track_id=self.id,
            index=index,
            age_s=time_s - self.born,
        )


class _Moving:
    """Kalman filter of one coordinate that moves, with white noise for its acceleration.

    Neither the motion nor the noise of x, y, width and height touch one another, so four small filters are one large
    one, without its matrices: these cost as much as all else of a track.
    """

    def __init__(self, place: float, variance: float, speed_variance: float) -> None:
        self.place, self._speed = place, 0.0
        self._pp, self._ps, self._ss = variance, 0.0, speed_variance

    def predict(self, dt: float, jolt: float) -> None:
        self.place += self._speed * dt
        self._pp += dt * (2 * self._ps + dt * self._ss) + jolt * dt * dt / 3
        self._ps += dt * self._ss + jolt * dt / 2
        self._ss += jolt

    def correct(self, place: float, noise: float) -> None:
        total, step = self._pp + noise, place - self.place
        gain, speed_gain = self._pp / total, self._ps / total
        self.place += gain * step
        self._speed += speed_gain * step
        self._ss -= speed_gain * self._ps
        self._ps -= gain * self._ps
        self._pp -= gain * self._pp


class _Changing:
    """Kalman filter of a length that drifts."""

    def __init__(self, length: float, variance: float) -> None:
        self.length, self._variance = length, variance

    def predict(self, growth: float) -> None:
        self._variance += growth

    def correct(self, length: float, noise: float) -> None:
        gain = self._variance / (self._variance + noise)
        self.length += gain * (length - self.length)
        self._variance -= gain * self._variance
