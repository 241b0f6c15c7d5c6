"""Class folders, unpacked or in a zip: ``train/<class>/*`` and ``test/<class>/*``, or just ``<class>/*``."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ...edge.errors import EdgeemoError
from ...edge.image import decode, is_picture, read_picture
from .dataset import Bad
from .entries import Entry, split_of


def folder_entries(root: Path) -> Iterator[Entry | Bad]:
    """The pictures below a folder, in sorted order; a picture outside any class folder is bad."""
    for path in sorted(root.rglob("*")):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        if path.is_file() and _counts(relative):
            yield _entry(relative, lambda path=path: read_picture(path))  # type: ignore[misc]


def zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry | Bad]:
    """The pictures inside an open zip, in sorted order; a picture outside any class folder is bad."""
    for member in sorted(archive.namelist()):
        if not member.endswith("/") and _counts(PurePosixPath(member)):
            yield _entry(
                PurePosixPath(member),
                lambda member=member: decode(read_member(archive, member), member),  # type: ignore[misc]
            )


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        EdgeemoError: it is cut or not a zip.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise EdgeemoError(
            f"{path} is cut or not a zip ({error})", expected="a complete zip archive", mend="download it again"
        ) from error


def read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    """The bytes of one file in a zip.

    Raises:
        EdgeemoError: it is damaged or locked with a password.
    """
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise EdgeemoError(f"{member} in the zip is damaged ({error})", mend="download the archive again") from error


def _counts(relative: PurePosixPath) -> bool:
    """Whether a file takes part: pictures only, nothing hidden, none of the shadow files that macOS puts into zips."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in relative.parts)
    return not hidden and is_picture(relative.name)


def _entry(relative: PurePosixPath, pixels: Callable[[], np.ndarray]) -> Entry | Bad:
    """Class and split of ``.../split/class/file``; folders above the split do not matter."""
    parts = relative.parts
    # A picture right in train/ has no class; taking "train" for one would add an eighth emotion.
    if len(parts) < 2 or split_of(parts[-2]):
        return Bad(str(relative), f"{relative} stands outside any class folder")
    split = parts[-3] if len(parts) >= 3 and split_of(parts[-3]) else ""
    return Entry(str(relative), parts[-2], split, pixels)
