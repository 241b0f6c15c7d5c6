"""Marks by which an emulated process separates its stages, and the counts between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from ...edge.common.errors import RuntimeUnavailableError

#: File numbers from here on are never open; counter.c knows the same number.
BASE = 0x5EDC0000
#: So many queries and frames come before those that count: the first inference prepares kernels, and Python specializes
#: what it meets often.
WARM_UP = 3


class Mark(IntEnum):
    """The part that begins at a mark."""

    IDLE = 0
    EMPTY = 1
    QUERY = 2
    FRAME = 3
    DECODE = 4
    DETECT = 5
    PREPROCESS = 6
    INVOKE = 7
    POSTPROCESS = 8


#: Of a frame, in this order.
STAGES = (Mark.DECODE, Mark.DETECT, Mark.PREPROCESS, Mark.INVOKE, Mark.POSTPROCESS)


def mark(what: Mark) -> None:
    """Mark for the counter that something begins, by asking whether a file that cannot be open is a terminal.

    Of the system calls that Python offers it is the one that takes any number, changes nothing and raises nothing.
    """
    os.isatty(BASE + what)


@dataclass(frozen=True)
class Counts:
    """Executed instructions by class; without the warm-up and the cost of the marks themselves.

    Args:
        classes: their names.
        queries: int64 (queries, classes).
        frames: for each frame or face crop the stages that it had, int64 (classes,) each, all its faces together.
    """

    classes: tuple[str, ...]
    queries: np.ndarray
    frames: tuple[dict[str, np.ndarray], ...]


def read_marks(path: Path) -> Counts:
    """Read what counter.c wrote.

    Raises:
        RuntimeUnavailableError: there are no marks, or several threads ran at a time.
    """
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    if len(lines) < 2:
        raise RuntimeUnavailableError(
            "the emulated process was not counted",
            expected="a qemu-aarch64 of QEMU 6.0 to 8.2 that takes plugins (static builds do not)",
            hint="on Debian 12: apt-get install qemu-user",
        )
    classes = tuple(lines[0].split()[2:])
    table = np.array([[int(number) for number in line.split()] for line in lines[1:]], np.int64)
    marks, threads, spans = table[:-1, 0], table[:, 1], np.diff(table[:, 2:], axis=0)
    if threads.max() > 1:
        raise RuntimeUnavailableError(
            "the emulated process ran several threads, and how long they wait for each other depends on chance",
            expected="1 thread",
            got=str(threads.max()),
        )
    empty = spans[marks == Mark.EMPTY]
    if len(empty):
        spans = spans - np.median(empty, axis=0).astype(np.int64)
    frames: list[dict[str, np.ndarray]] = []
    for which, span in zip(marks, spans, strict=True):
        if which == Mark.FRAME:
            frames.append({})
        elif which in STAGES:
            name = Mark(which).name.lower()
            frames[-1][name] = frames[-1].get(name, 0) + span
    return Counts(classes, spans[marks == Mark.QUERY][WARM_UP:], tuple(frames[WARM_UP:]))
