"""Images in class folders, or a zip of them: ``train/<class>/*`` and ``test/<class>/*``, or just ``<class>/*``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ..builder import Entry, split_of
from ..dataset import Bad
from .files import image_files, is_zip
from .format import Format

#: Part and row of the original fer2013.csv, as people's copies of FER-2013 in folders have them.
_FER_FILE = re.compile(r"^(Training|PublicTest|PrivateTest)_(\d+)\.")


class Folders(Format):
    """Class folders. It takes every folder and every zip, so it is asked last."""

    name = "folders"
    files = "a folder or .zip with <class>/* or train/<class>/*, test/<class>/*"

    def accepts(self, path: Path) -> bool:
        """Return whether it is a folder or a zip."""
        return path.is_dir() or is_zip(path)

    def entries(self, path: Path) -> Iterator[Entry | Bad]:
        """Return the images by their class folder; those outside any are bad."""
        return (_entry(name, pixels) for name, pixels in image_files(path))


def _entry(name: PurePosixPath, pixels: Callable[[], np.ndarray]) -> Entry | Bad:
    """Class and split of ``.../split/class/file``; folders above the split do not matter."""
    parts = name.parts
    # An image right in train/ has no class; taking "train" for one would add an eighth emotion.
    if len(parts) < 2 or split_of(parts[-2]):
        return Bad(str(name), f"{name} stands outside any class folder")
    split = parts[-3] if len(parts) >= 3 and split_of(parts[-3]) else ""
    match = _FER_FILE.match(name.name)
    part, row = (match.group(1), int(match.group(2))) if match else ("", None)
    return Entry(str(name), parts[-2], split, pixels, row=row, part=part)
