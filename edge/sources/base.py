"""One image on its way through the runner, and what every source of them can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import click
import cv2
import numpy as np

from .status import State, Status


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Args:
        index: its place in the source, from 0; a gap means images that were skipped.
        time_s: position in a video; seconds since a camera's first frame; None for images, which have no time.
        image: uint8 (h, w, 3) RGB.
        name: of the file or camera that it comes from, without credentials.
        small: the same view in gray, uint8 (h', w'), when the camera gives one for the detector; usually None.
    """

    index: int
    time_s: float | None
    image: np.ndarray
    name: str
    small: np.ndarray | None = None


class Source(Protocol):
    """Where frames come from. A context manager; one pass over it gives every frame once.

    A camera's pass also gives None: there is no fresh frame now, look at :attr:`status`. It does so whenever the status
    changes, and every so often while there is nothing to classify, so that the loop never waits in vain.

    Attributes:
        skipped: images that could not be read and were reported.
    """

    skipped: int

    @property
    def status(self) -> Status:
        """How the source is now."""

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame | None]: ...

    def stop(self) -> None:
        """Ask the source to end after the frame in hand. Only sets a flag: safe in a signal handler and any thread."""


#: Of sources that are read at our own pace: files have no other state.
READING = Status(State.RUNNING)

#: Takes one sentence about something that went wrong, while the run goes on.
Warn = Callable[[str], None]


def warn_on_stderr(sentence: str) -> None:
    """The usual :data:`Warn`."""
    click.echo(f"Warning: {sentence}", err=True)


def to_rgb(image: np.ndarray, *, bgr: bool = False) -> np.ndarray:
    """Gray (h, w) or color (h, w, 3) pixels as RGB, uint8 (h, w, 3).

    Args:
        image: uint8.
        bgr: colors are in OpenCV's order.
    """
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if bgr else image
