"""Boxes in COCO's form: one JSON file with images, annotations and categories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ....edge.common.errors import DataError
from ....edge.common.files import existing
from ..boxes import BoxDataset, BoxedImage, GrayFile, Region, region

#: Where the images of an annotation file may lie, seen from it.
_BESIDE = (".", "images", "..", "../images")


def read_coco(path: str | Path, *, face: str = "face", images: str | Path | None = None) -> BoxDataset:
    """Read images with boxes.

    Args:
        path: the JSON file.
        face: name of the category that means a face; a file with one category means faces whatever its name. Boxes of
            other categories, and crowds (``iscrowd``), count neither as a face nor as background.
        images: folder of the images; None looks beside the file, and in ``images`` beside it.

    Raises:
        DataError: not such a file, a box that is none, an image that is not there.
    """
    path = existing(path, "a COCO annotation file")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        names = {row["id"]: str(row["name"]) for row in table.get("categories", [])}
        files = {row["id"]: str(row["file_name"]) for row in table["images"]}
        rows = list(table["annotations"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is no COCO annotation file ({error})", expected="JSON with images, annotations and categories"
        ) from error
    wanted = set(names) if len(names) <= 1 else {key for key, name in names.items() if name.lower() == face.lower()}
    if names and not wanted:
        raise DataError(f"{path} has no category {face!r}", expected="one of " + ", ".join(sorted(names.values())))
    boxes: dict[Any, list[Region]] = {key: [] for key in files}
    for number, row in enumerate(rows):
        where = f"{path}, annotation {number}"
        try:
            image, (x, y, width, height) = row["image_id"], (float(value) for value in row["bbox"])
            face_it_is = (not names or row["category_id"] in wanted) and not row.get("iscrowd")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{where} is no box ({error})", expected="image_id, category_id and bbox") from error
        if image not in boxes:
            raise DataError(f"{where} is of an image that the file does not have", got=repr(image))
        boxes[image].append(region(where, x, y, width, height, kind="face" if face_it_is else "ignore"))
    folder = _folder(path, list(files.values()), images)
    found = [BoxedImage(name, GrayFile(folder / name), tuple(boxes[key])) for key, name in files.items()]
    return BoxDataset(path.stem, tuple(found))


def _folder(path: Path, names: list[str], given: str | Path | None) -> Path:
    places = [Path(given)] if given is not None else [path.parent / place for place in _BESIDE]
    for place in places:
        if all((place / name).is_file() for name in names):
            return place
    missing = next((name for name in names if not (places[0] / name).is_file()), "")
    raise DataError(f"{path} names the image {missing!r}, which is not in {places[0]}", hint="give images=FOLDER")
