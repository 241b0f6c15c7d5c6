"""Images with boxes from four forms, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.boxes import BoxDataset, Region
from edgeemo.train.datasets.formats.boxes import read_boxes

from ...conftest import raises

CSV = "file,x,y,w,h\na.png,10,20,30,40\nb.png,,,,\n"
YOLO = "0 0.125 0.4 0.15 0.4\n"
VOC = (
    "<annotation><filename>{}</filename>{}</annotation>",
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax>"
    "<ymax>60</ymax></bndbox></object>",
)


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((100, 200), 90, np.uint8))


def csv_folder(root: Path, text: str = CSV) -> Path:
    for name in ("a.png", "b.png"):
        write_image(root / name)
    (root / "labels.csv").write_text(text)
    return root


def yolo_folder(root: Path, text: str = YOLO) -> Path:
    for name in ("a.png", "b.png"):
        write_image(root / "images" / "train" / name)
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "a.txt").write_text(text)
    return root


def voc_folder(root: Path, thing: str = "face", difficult: str = "0", text: str = "") -> Path:
    (root / "Annotations").mkdir()
    for name in ("a", "b"):
        write_image(root / "JPEGImages" / f"{name}.png")
        objects = VOC[1].format(thing, difficult) if name == "a" else ""
        (root / "Annotations" / f"{name}.xml").write_text(text or VOC[0].format(f"{name}.png", objects))
    return root


def coco_file(root: Path, **changes: object) -> Path:
    for name in ("a.png", "b.png"):
        write_image(root / "images" / name)
    table = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}],
        "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "dog"}],
    }
    path = root / "instances.json"
    path.write_text(json.dumps({**table, **changes}))
    return path


@pytest.mark.parametrize("make", [csv_folder, yolo_folder, voc_folder, coco_file])
def test_all_forms_say_the_same(make, tmp_path: Path) -> None:
    data = read_boxes(make(tmp_path))
    assert len(data) == 2
    assert data.faces == 1
    with_face, without = data.images
    (found,) = with_face.regions
    assert (found.x, found.y, found.width, found.height) == pytest.approx((10, 20, 30, 40))
    assert not without.regions
    assert with_face.load().shape == (100, 200)


@pytest.mark.parametrize(
    "source",
    [
        lambda root: csv_folder(root, "file,x,y,w,h,score\na.png,10,20,30,40,0.5\n"),
        lambda root: csv_folder(root, "file,x,y,w,h,status\na.png,10,20,30,40,ignore\n"),
        lambda root: yolo_folder(root, "3 0.1 0.4 0.15 0.4\n"),
        lambda root: voc_folder(root, thing="dog"),
        lambda root: voc_folder(root, difficult="1"),
        lambda root: coco_file(root, annotations=[{"image_id": 1, "category_id": 2, "bbox": [10, 20, 30, 40]}]),
        lambda root: coco_file(
            root, annotations=[{"image_id": 1, "category_id": 1, "iscrowd": 1, "bbox": [10, 20, 30, 40]}]
        ),
    ],
)
def test_what_may_be_a_face_is_neither_face_nor_background(source, tmp_path: Path) -> None:
    data = read_boxes(source(tmp_path))
    assert data.faces == 0
    assert [region.kind for image in data for region in image.regions] == ["ignore"]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        (lambda root: csv_folder(root, "file,x,y,w\na.png,1,2,3\n"), {"problem": "no column 'h'"}),
        (lambda root: csv_folder(root, "file,x,y,w,h\na.png,1,2,zero,4\n"), {"problem": "row 2 is no box"}),
        (lambda root: csv_folder(root, "file,x,y,w,h\na.png,1,2,0,4\n"), {"problem": "sides above 0"}),
        (lambda root: csv_folder(root, "file,x,y,w,h\na.png,1,2,nan,4\n"), {"problem": "finite numbers"}),
        (lambda root: csv_folder(root, "file,x,y,w,h\nc.png,1,2,3,4\n"), {"problem": "'c.png' is not there"}),
        (lambda root: yolo_folder(root, "0 0.1 0.4\n"), {"problem": "line 1 is no box"}),
        (
            lambda root: yolo_folder(root, "0 10 20 30 40\n"),
            {"problem": "line 1 is no box", "expected": "^shares of the image"},
        ),
        (lambda root: voc_folder(root, text="<annotation>"), {"problem": "no XML"}),
        (lambda root: voc_folder(root, text="<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>"), {"problem": "entities"}),
        (
            lambda root: coco_file(root, annotations=[{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}]),
            {"problem": "not have"},
        ),
        (lambda root: coco_file(root, annotations=[{"image_id": 1}]), {"problem": "annotation 0 is no box"}),
        (lambda root: coco_file(root, images=[{"id": 1, "file_name": "z.png"}]), {"problem": "'z.png'"}),
        (
            lambda root: coco_file(root, categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]),
            {"problem": "no category"},
        ),
        (lambda root: root, {"problem": "has no boxes"}),
    ],
)
def test_what_is_wrong_is_said(source, fields: dict[str, str], tmp_path: Path) -> None:
    with raises(EdgeemoError, **fields):
        read_boxes(source(tmp_path))


def test_eye_points_give_roll_and_steep_ones_are_not_believed(tmp_path: Path) -> None:
    head = "file,x,y,w,h,right_eye_x,right_eye_y,left_eye_x,left_eye_y\n"
    rows = "a.png,10,20,30,40,10,20,30,20\nb.png,10,20,30,40,10,20,12,60\n"
    level, steep = read_boxes(csv_folder(tmp_path, head + rows))
    assert level.regions[0].roll == pytest.approx(0)
    assert steep.regions[0].roll is None


def test_the_hash_is_of_boxes_not_of_their_order(tmp_path: Path) -> None:
    data = read_boxes(csv_folder(tmp_path))
    assert BoxDataset(data.name, data.images[::-1]).content_hash == data.content_hash
    moved = BoxDataset(data.name, (type(data.images[0])("a.png", data.images[0].load, (Region(1, 2, 3, 4),)),))
    assert moved.content_hash != data.content_hash
