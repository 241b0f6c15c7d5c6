"""KDEF by its file-name code: ``AF01HAS.JPG`` is session A, female, identity 01, happy, straight.

Karolinska Directed Emotional Faces (Lundqvist, Flykt & Öhman 1998): 70 people, each photographed in two sessions with
seven expressions from five angles, 4,900 images of 562x762 pixels. Its license forbids passing it on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ..builder import Entry, split_of
from ..dataset import Bad
from .files import image_files, image_names
from .format import Format

EMOTION_CODES = {
    "AF": "fear",
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}
#: Full left profile, half left, straight, half right, full right.
ANGLES = ("FL", "HL", "S", "HR", "FR")
_NAME = re.compile(
    rf"^(?P<session>[AB])(?P<sex>[FM])(?P<identity>0[1-9]|[12]\d|3[0-5])(?P<emotion>{'|'.join(EMOTION_CODES)})"
    rf"(?P<angle>{'|'.join(ANGLES)})$",
    re.IGNORECASE,
)


class Kdef(Format):
    """KDEF, in a folder or a zip: whatever its folders are called, the file names tell."""

    name = "kdef"
    files = "a folder or .zip of KDEF"

    def accepts(self, path: Path) -> bool:
        """Return whether most of its images have names of KDEF's code."""
        return is_kdef(image_names(path))

    def entries(self, path: Path) -> Iterator[Entry | Bad]:
        """Return the images by their names; what has no name of KDEF's code is bad."""
        return (kdef_entry(name, pixels) for name, pixels in image_files(path))


def is_kdef(names: Sequence[str]) -> bool:
    """Return whether most file names follow KDEF's code: neither a stray file nor a broken name decides."""
    return 2 * sum(_NAME.match(PurePosixPath(name).stem) is not None for name in names) > len(names)


def kdef_entry(path: PurePosixPath, pixels: Callable[[], np.ndarray]) -> Entry | Bad:
    """Return an image of KDEF by its name; folders matter only where somebody has called one train or test.

    Args:
        path: path inside the source.
        pixels: decodes the image.

    Returns:
        An entry whose group is the person (``F01``: both sessions, every emotion and angle) and whose view is the
        angle; or what is wrong with the name.
    """
    match = _NAME.match(path.stem)
    if match is None:
        return Bad(str(path), f"{path} has no name of KDEF's code, as AF01HAS.JPG")
    code = {key: value.upper() for key, value in match.groupdict().items()}
    split = next((name for name in reversed(path.parts[:-1]) if split_of(name)), "")
    return Entry(
        str(path),
        EMOTION_CODES[code["emotion"]],
        split,
        pixels,
        group=code["sex"] + code["identity"],
        view=code["angle"],
    )
