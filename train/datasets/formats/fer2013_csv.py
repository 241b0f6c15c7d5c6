"""FER-2013 in its original form: a CSV with the columns emotion, pixels, Usage."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from ....edge.common.errors import DataError, FileError
from ..builder import Entry
from ..dataset import Bad
from ..labels import CANONICAL
from .files import is_zip, member_names, open_zip, read_member
from .format import Format

SIDE = 48
_COLUMNS = {"emotion", "pixels"}
#: Names in an archive; a plain file may have any name.
_NAMES = ("fer2013.csv", "icml_face_data.csv")


class Fer2013Csv(Format):
    """fer2013.csv: a plain file, in a folder or in a zip."""

    name = "fer2013-csv"
    files = "fer2013.csv"

    def accepts(self, path: Path) -> bool:
        """Return whether it is a CSV, or a folder or zip with a fer2013.csv."""
        if path.is_dir():
            return (path / _NAMES[0]).is_file()
        return (path.suffix.lower() == ".csv" and path.is_file()) or (is_zip(path) and bool(_table_in(path)))

    def entries(self, path: Path) -> Iterator[Entry | Bad]:
        """Return the rows; one with a wrong emotion or a missing field is bad, broken pixels show on decoding."""
        if is_zip(path):
            table = _table_in(path)
            with open_zip(path) as archive:
                text = read_member(archive, table).decode("utf-8", "replace")
            yield from _rows(io.StringIO(text, newline=""), table)
            return
        file = path / _NAMES[0] if path.is_dir() else path
        try:
            with open(file, newline="", encoding="utf-8") as stream:
                yield from _rows(stream, path.name)
        except OSError as error:
            raise FileError(f"{file} cannot be read ({error.strerror})") from error


def _table_in(path: Path) -> str:
    """Name of the first table in a zip, or nothing."""
    return next((member for member in member_names(path) if member.endswith(_NAMES)), "")


def _rows(stream: TextIO, name: str) -> Iterator[Entry | Bad]:
    """Entries of a table.

    Args:
        stream: open text.
        name: file name for messages.

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
