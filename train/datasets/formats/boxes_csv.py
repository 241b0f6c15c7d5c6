"""Boxes from a table: ``labels.csv`` beside the images, with the columns file, x, y, w and h."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from ....edge.common.errors import DataError
from ....edge.common.files import existing
from ..boxes import BoxDataset, BoxedImage, GrayFile, Region, region

NAME = "labels.csv"
_NEEDED = ("file", "x", "y", "w", "h")
_EYES = ("right_eye_x", "right_eye_y", "left_eye_x", "left_eye_y")
#: Beyond this roll (radians) the eye points of a detector are rather wrong than the face on its side.
_STEEPEST = 1.2


def read_boxes_csv(folder: str | Path, *, least_score: float = 0.7) -> BoxDataset:
    """Read images with boxes.

    A row without a box stands for an image, so that one without any face can be named too. Further columns, all
    optional: ``score`` (of the detector that proposed the box), the eye points of :data:`_EYES` (for roll),
    ``expression``, ``pose`` and ``status`` (``ignore``: neither face nor background).

    Args:
        folder: has the images and ``labels.csv``.
        least_score: a box that was proposed with less counts neither as a face nor as background.

    Raises:
        DataError: no such folder or table, a missing column, a box that is none, an image that is not there.
    """
    root = existing(folder, "a folder of images with labels.csv")
    table = existing(root / NAME, f"a table of boxes ({NAME})")
    boxes: dict[str, list[Region]] = {}
    with open(table, newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        if missing := [name for name in _NEEDED if name not in (rows.fieldnames or ())]:
            raise DataError(f"{table} has no column {missing[0]!r}", expected="the columns " + ", ".join(_NEEDED))
        for number, row in enumerate(rows, start=2):
            if not (root / row["file"]).is_file():
                raise DataError(f"{table}, row {number}: {row['file']!r} is not there")
            found = boxes.setdefault(row["file"], [])
            if row["x"]:
                found.append(_region(row, least_score, f"{table}, row {number}"))
    images = [BoxedImage(name, GrayFile(root / name), tuple(found)) for name, found in boxes.items()]
    return BoxDataset(root.name, tuple(images))


def _region(row: dict[str, str], least_score: float, where: str) -> Region:
    try:
        x, y, width, height = (float(row[name]) for name in _NEEDED[1:])
        score = float(row.get("score") or 1)
        eyes = [float(row[name]) for name in _EYES] if row.get(_EYES[0]) else None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{where} is no box", expected="numbers in x, y, w and h", got=str(error)) from error
    return region(
        where,
        x,
        y,
        width,
        height,
        kind="ignore" if score < least_score or row.get("status") == "ignore" else "face",
        roll=_roll(eyes),
        pose=row.get("pose") or "",
        expression=row.get("expression") or "",
    )


def _roll(eyes: list[float] | None) -> float | None:
    if eyes is None:
        return None
    roll = -math.atan2(eyes[3] - eyes[1], eyes[2] - eyes[0])
    return roll if abs(roll) < _STEEPEST else None
