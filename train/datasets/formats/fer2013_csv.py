"""FER-2013 in its original form: a CSV with the columns emotion, pixels, Usage."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

import numpy as np

from ....edge.common.errors import DataError
from ..builder import Entry
from ..dataset import Bad
from ..labels import CANONICAL

SIDE = 48
_COLUMNS = {"emotion", "pixels"}


def csv_entries(stream: TextIO, name: str) -> Iterator[Entry | Bad]:
    """The rows of a fer2013.csv; a row with a wrong emotion or a missing field is bad, broken pixels show on decoding.

    Args:
        stream: the open text.
        name: of the file, for messages.

    Raises:
        DataError: the header is not that of fer2013.csv.
    """
    # One row of pixels is about 9,000 characters; a broken quote may join many rows into one field.
    csv.field_size_limit(1 << 24)
    try:
        reader = csv.DictReader(stream)
        # icml_face_data.csv, the other published form, has blanks in its header.
        header = [column.strip() for column in reader.fieldnames or []]
        reader.fieldnames = header
        if not set(header) >= _COLUMNS:
            raise DataError(
                f"{name} is not a fer2013.csv", expected="columns emotion, pixels, Usage", got=", ".join(header[:5])
            )
        for row, fields in enumerate(reader):
            key = f"row {row}"
            emotion, pixels = (fields["emotion"] or "").strip(), fields["pixels"]
            usage = (fields.get("Usage") or "").strip()
            if not emotion.isdecimal() or int(emotion) >= len(CANONICAL):
                yield Bad(key, f"{name} {key} has emotion {emotion!r}, expected 0 to 6")
            elif pixels is None or ("Usage" in header and not usage):
                yield Bad(key, f"{name} {key} is short, expected {len(header)} fields")
            else:
                yield Entry(
                    key,
                    CANONICAL[int(emotion)],
                    usage,
                    lambda text=pixels, key=key: _pixels(text, f"{name} {key}"),  # type: ignore[misc]
                    row,
                )
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name} is not a readable CSV ({error})", expected="the published fer2013.csv") from error


def _pixels(text: str, where: str) -> np.ndarray:
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where} has pixels that are not numbers", expected="0 to 255") from error
    if len(values) != SIDE * SIDE:
        raise DataError(f"{where} is short or long", expected=f"{SIDE * SIDE:,} pixels", got=f"{len(values):,}")
    if values.min() < 0 or values.max() > 255:
        raise DataError(
            f"{where} has pixels out of range", expected="0 to 255", got=f"{values.min()} to {values.max()}"
        )
    return values.astype(np.uint8).reshape(SIDE, SIDE)
