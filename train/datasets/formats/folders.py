"""Images in folders or in a zip of them: ``train/<class>/*`` and ``test/<class>/*``, just ``<class>/*``, or KDEF."""

from __future__ import annotations

import functools
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from ....edge.common.errors import DataError
from ....edge.vision.image import decode, is_image, read_image
from ..builder import Entry, split_of
from ..dataset import Bad
from .kdef import is_kdef, kdef_entry

#: Path inside the source, and what decodes the image there.
Found = tuple[PurePosixPath, Callable[[], np.ndarray]]


def folder_entries(root: Path) -> list[Entry | Bad]:
    """The images below a folder, in sorted order; see :func:`_entries`."""
    found: list[Found] = []
    for path in sorted(root.rglob("*")):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        if path.is_file() and _counts(relative):
            found.append((relative, functools.partial(read_image, path)))
    return _entries(found)


def zip_entries(archive: zipfile.ZipFile) -> list[Entry | Bad]:
    """The images inside a zip, in sorted order; see :func:`_entries`. The zip must stay open while they are used."""
    found: list[Found] = []
    for member in sorted(archive.namelist()):
        if not member.endswith("/") and _counts(PurePosixPath(member)):
            found.append((PurePosixPath(member), functools.partial(_image_in, archive, member)))
    return _entries(found)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        DataError: it is cut or not a zip.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{path} is cut or not a zip ({error})", expected="a complete zip archive", hint="download it again"
        ) from error


def read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    """The bytes of one file in a zip.

    Raises:
        DataError: it is damaged or locked with a password.
    """
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise DataError(f"{member} in the zip is damaged ({error})", hint="download the archive again") from error


def _image_in(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    return decode(read_member(archive, member), member)


def _entries(found: list[Found]) -> list[Entry | Bad]:
    """By KDEF's code where the names have it, else by class folder; what fits neither is bad."""
    read = kdef_entry if is_kdef([path.name for path, _ in found]) else _entry
    return [read(path, pixels) for path, pixels in found]


def _counts(relative: PurePosixPath) -> bool:
    """Whether a file takes part: images only, nothing hidden, none of the shadow files that macOS puts into zips."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in relative.parts)
    return not hidden and is_image(relative.name)


def _entry(relative: PurePosixPath, pixels: Callable[[], np.ndarray]) -> Entry | Bad:
    """Class and split of ``.../split/class/file``; folders above the split do not matter."""
    parts = relative.parts
    # An image right in train/ has no class; taking "train" for one would add an eighth emotion.
    if len(parts) < 2 or split_of(parts[-2]):
        return Bad(str(relative), f"{relative} stands outside any class folder")
    split = parts[-3] if len(parts) >= 3 and split_of(parts[-3]) else ""
    return Entry(str(relative), parts[-2], split, pixels)
