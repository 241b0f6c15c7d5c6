"""Boxes in the form of Pascal VOC: ``Annotations/*.xml`` and ``JPEGImages``."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from ....edge.common.errors import DataError
from ....edge.common.files import existing
from ..boxes import BoxDataset, BoxedImage, GrayFile, Region, region

_FOLDER, _IMAGES = "Annotations", ("JPEGImages", "images", "Images", ".")


def is_voc(folder: Path) -> bool:
    """Tell whether a folder looks like Pascal VOC."""
    return (folder / _FOLDER).is_dir()


def read_voc(folder: str | Path, *, face: str = "face") -> BoxDataset:
    """Read images with boxes.

    Args:
        folder: has ``Annotations`` and, beside it, the images.
        face: name of the objects that are faces; others, and those marked as difficult, count neither as a face nor as
            background.

    Raises:
        DataError: no such folder, a file that is no annotation, a box that is none, an image that is not there.
    """
    root = existing(folder, "a folder with Annotations")
    if not is_voc(root):
        raise DataError(f"{root} is no Pascal VOC data set", expected=f"the folder {_FOLDER} in it")
    found = []
    for path in sorted((root / _FOLDER).glob("*.xml")):
        tree = _tree(path)
        name = (tree.findtext("filename") or "").strip() or f"{path.stem}.jpg"
        image = next((root / place / name for place in _IMAGES if (root / place / name).is_file()), None)
        if image is None:
            raise DataError(f"{path} is of the image {name!r}, which is not there", expected=f"it in {_IMAGES[0]}")
        found.append(BoxedImage(name, GrayFile(image), _regions(tree, path, face)))
    if not found:
        raise DataError(f"{root / _FOLDER} has no annotations")
    return BoxDataset(root.name, tuple(found))


def _tree(path: Path) -> ET.Element:
    data = path.read_bytes()
    # Entities that multiply are the one way in which a small annotation can fill the memory.
    if b"<!ENTITY" in data:
        raise DataError(f"{path} defines entities", expected="an annotation of Pascal VOC")
    try:
        return ET.fromstring(data)
    except ET.ParseError as error:
        raise DataError(f"{path} is no XML ({error})", expected="an annotation of Pascal VOC") from error


def _regions(tree: ET.Element, path: Path, face: str) -> tuple[Region, ...]:
    found = []
    for number, thing in enumerate(tree.iter("object"), start=1):
        where, box = f"{path}, object {number}", thing.find("bndbox")
        try:
            left, top, right, bottom = (
                float((box.findtext(name) if box is not None else None) or "")
                for name in ("xmin", "ymin", "xmax", "ymax")
            )
        except ValueError as error:
            raise DataError(f"{where} has no box", expected="xmin, ymin, xmax and ymax in bndbox") from error
        sure = (thing.findtext("name") or "").strip().lower() == face.lower()
        sure = sure and (thing.findtext("difficult") or "0").strip() != "1"
        # Pixels count from 1, and the last one is inside.
        found.append(
            region(where, left - 1, top - 1, right - left + 1, bottom - top + 1, kind="face" if sure else "ignore")
        )
    return tuple(found)
