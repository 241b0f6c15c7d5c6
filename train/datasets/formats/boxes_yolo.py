"""Boxes in YOLO's form: ``images/*`` and, for each, ``labels/<stem>.txt`` with rows of class, center and size."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ....edge.common.errors import DataError
from ....edge.common.files import existing
from ....edge.vision.image import is_image
from ..boxes import BoxDataset, BoxedImage, GrayFile, Region, region

#: EXIF's tag of the orientation, and its values for an image that lies on its side.
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)


def is_yolo(folder: Path) -> bool:
    """Tell whether a folder looks like YOLO."""
    return (folder / "images").is_dir() and (folder / "labels").is_dir()


def read_yolo(folder: str | Path, *, face: int = 0) -> BoxDataset:
    """Read images with boxes.

    A row is ``class x y width height``: numbers between 0 and 1, the center and the size as shares of the image.
    Further columns (landmarks, a score) are passed over. An image without a text file has no faces, as YOLO has it.

    Args:
        folder: has ``images`` and ``labels``, at any depth below them alike.
        face: class that means a face; boxes of others count neither as a face nor as background.

    Raises:
        DataError: no such folders, an image that cannot be read, a row that is no box.
    """
    root = existing(folder, "a folder with images and labels")
    if not is_yolo(root):
        raise DataError(f"{root} is no YOLO data set", expected="the folders images and labels in it")
    images = []
    for path in sorted((root / "images").rglob("*")):
        relative = path.relative_to(root / "images")
        if not path.is_file() or not is_image(path):
            continue
        labels = (root / "labels" / relative).with_suffix(".txt")
        images.append(BoxedImage(relative.as_posix(), GrayFile(path), _regions(path, labels, face)))
    if not images:
        raise DataError(f"{root / 'images'} has no images")
    return BoxDataset(root.name, tuple(images))


def _regions(image: Path, labels: Path, face: int) -> tuple[Region, ...]:
    if not labels.is_file():
        return ()
    try:
        with Image.open(image) as header:
            width, height = header.size
            if header.getexif().get(_ORIENTATION, 1) in _SIDEWAYS:
                width, height = height, width
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{image} cannot be read ({error})") from error
    found = []
    for number, line in enumerate(labels.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        where, words = f"{labels}, line {number}", line.split()
        if not words:
            continue
        try:
            kind = int(float(words[0]))
            x, y, w, h = (float(word) for word in words[1:5])
        except ValueError as error:
            raise DataError(f"{where} is no box", expected="class x y width height", got=line[:60]) from error
        if not all(-0.5 <= value <= 1.5 for value in (x, y, w, h)):
            raise DataError(f"{where} is no box of YOLO", expected="shares of the image, 0 to 1", got=line[:60])
        corner = (x - w / 2) * width, (y - h / 2) * height
        found.append(region(where, *corner, w * width, h * height, kind="face" if kind == face else "ignore"))
    return tuple(found)
