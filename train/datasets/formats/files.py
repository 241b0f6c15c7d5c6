"""Files of a source that is a folder or a zip of one."""

from __future__ import annotations

import functools
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from ....edge.common.errors import DataError
from ....edge.vision.image import decode, is_image, read_image

#: Path inside the source, and what decodes the image there.
ImageFile = tuple[PurePosixPath, Callable[[], np.ndarray]]


def is_zip(path: Path) -> bool:
    """Return whether a path has the name of a zip; whether it is one shows when it is opened."""
    return path.suffix.lower() == ".zip" and path.is_file()


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
    """Return the bytes of one file in a zip.

    Raises:
        DataError: it is damaged or locked with a password.
    """
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise DataError(f"{member} in the zip is damaged ({error})", hint="download the archive again") from error


def read_zip_image(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    """Return one image in a zip, uint8 (h, w) or (h, w, 3).

    Raises:
        DataError: it cannot be read or decoded.
    """
    return decode(read_member(archive, member), member)


def member_names(path: Path) -> list[str]:
    """Return the names of all files in a zip; none of what is no zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


def image_names(path: Path) -> list[str]:
    """Return the names, without folders, of the images in a folder or a zip; none of anything else."""
    if is_zip(path):
        names = [PurePosixPath(name) for name in member_names(path)]
    else:
        names = [PurePosixPath(folder, name).relative_to(path) for folder, _, files in os.walk(path) for name in files]
    return [name.name for name in names if _counts(name)]


def image_files(path: Path) -> list[ImageFile]:
    """Return the images of a folder or a zip, in sorted order; a zip stays open for them.

    Raises:
        DataError: it is cut or not a zip.
    """
    if path.is_dir():
        found = ((file, PurePosixPath(file.relative_to(path).as_posix())) for file in sorted(path.rglob("*")))
        return [(name, functools.partial(read_image, file)) for file, name in found if _counts(name) and file.is_file()]
    archive = open_zip(path)
    members = [member for member in sorted(archive.namelist()) if not member.endswith("/")]
    return [
        (PurePosixPath(member), functools.partial(read_zip_image, archive, member))
        for member in members
        if _counts(PurePosixPath(member))
    ]


def _counts(name: PurePosixPath) -> bool:
    """Whether a file takes part: images only, nothing hidden, none of the shadow files that macOS puts into zips."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return not hidden and is_image(name.name)
