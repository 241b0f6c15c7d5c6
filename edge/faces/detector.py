"""The interface of face detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..common.errors import OptionError
from ..vision.box import Box

#: How thoroughly an image is searched. ``fast``: once, at one resolution. ``thorough``: in tiles at higher resolutions
#: as well, for still images. ``auto``: once, and in one tile at a time, rarely while there are faces.
SEARCHES = ("fast", "thorough", "auto")
#: Searches where none is chosen: of still images, and of frames that soon have a successor.
STILL, LIVE = "thorough", "fast"


@dataclass(frozen=True)
class Detection:
    """A face that a detector found.

    Args:
        box: pixels of the image that it covers: from the brows to the chin with a margin, as FER-2013's crops do. It
            may reach beyond the image.
        score: how sure the detector is, 0 to 1; None for a detector that does not tell.
        roll: rotation of the face in the image plane, radians, counter-clockwise; 0 also where it is not known.
    """

    box: Box
    score: float | None = None
    roll: float = 0.0


class Detector(ABC):
    """A face detector.

    It is made once and then asked about one image after another, from one thread.

    Args:
        path: file that it :meth:`accepts`, by which it was chosen; None where it was chosen by its name.

    Attributes:
        name: the name under which it is registered, for messages.
        needs: modules that must be importable beyond those of the base install.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path | None = None) -> None:  # noqa: B027
        """Load what is needed for all images."""

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Return whether this detector can be made from a file, judged by the file's name."""
        return False

    def with_search(self, search: str) -> Detector:
        """Return this detector with another search.

        Args:
            search: one of :data:`SEARCHES`.

        Returns:
            The detector itself where it has only one way to search, as this implementation has.
        """
        return self

    @abstractmethod
    def detect(self, image: np.ndarray) -> Sequence[Detection]:
        """Find faces.

        Args:
            image: uint8 (h, w) gray or (h, w, 3) RGB; not to be changed.

        Returns:
            One detection for each face, in any order.
        """


def check_search(search: str) -> str:
    """Return the name of a search.

    Raises:
        OptionError: it is none of :data:`SEARCHES`.
    """
    if search not in SEARCHES:
        raise OptionError("unknown search", expected="one of " + ", ".join(SEARCHES), got=repr(search))
    return search


def largest_first(detections: Iterable[Detection]) -> list[Detection]:
    """Sort detections by the area of their boxes, those of the same area in the order given."""
    return sorted(detections, key=lambda one: -one.box.area)
