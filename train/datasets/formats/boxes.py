"""Images with boxes from whatever form they are in."""

from __future__ import annotations

from pathlib import Path

from ....edge.common.errors import DataError
from ....edge.common.files import existing
from ..boxes import BoxDataset
from .boxes_coco import read_coco
from .boxes_csv import NAME, read_boxes_csv
from .boxes_voc import is_voc, read_voc
from .boxes_yolo import is_yolo, read_yolo


def read_boxes(source: str | Path) -> BoxDataset:
    """Read images with boxes: our ``labels.csv``, YOLO, Pascal VOC, or COCO's JSON.

    Args:
        source: a folder, or a JSON file.

    Raises:
        DataError: none of these, or damaged.
    """
    path = existing(source, "images with boxes")
    if path.is_file():
        return read_coco(path)
    if (path / NAME).is_file():
        return read_boxes_csv(path)
    if is_voc(path):
        return read_voc(path)
    if is_yolo(path):
        return read_yolo(path)
    raise DataError(
        f"{path} has no boxes",
        expected=f"{NAME}, the folders images and labels (YOLO), Annotations (Pascal VOC), or a COCO file",
    )
