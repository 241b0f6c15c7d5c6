"""What would make an accuracy untrue is found, listed and kept out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.audit import (
    BROKEN,
    CONFLICT,
    CONSTANT,
    CROSS_SPLIT,
    WITHIN_SPLIT,
    audit,
    drop_leaks,
    exclude_listed,
)
from edgeemo.train.datasets.dataset import Dataset

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms, LabeledImage, MakeDataset


def face(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8)


#: The image's number is its key and its row.
IMAGES: list[LabeledImage] = [
    ("train", "a", face(0)),  # 0: in test too, twice
    ("train", "b", face(1)),  # 1: copied by 2 under another label
    ("train", "a", face(1)),
    ("train", "a", face(2)),  # 3: alone
    ("validation", "a", face(3)),  # 4: in test too, under another label
    ("test", "a", face(0)),
    ("test", "a", face(0)),
    ("test", "b", face(3)),
    ("test", "b", np.full((4, 4), 9, np.uint8)),  # 8: of one color
]


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    return make_dataset(IMAGES)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (CROSS_SPLIT, {0, 4, 5, 6, 7}),
        (WITHIN_SPLIT, {2, 6}),
        (CONFLICT, {1, 2, 4, 7}),
        (CONSTANT, {8}),
        (BROKEN, set()),
    ],
)
def test_constructed_findings(dataset: Dataset, kind: str, rows: set[int]) -> None:
    assert {finding.row for finding in audit(dataset).findings if finding.kind == kind} == rows


def test_a_copy_is_listed_with_the_place_of_the_first(dataset: Dataset) -> None:
    found = next(f for f in audit(dataset).findings if (f.kind, f.row) == (CROSS_SPLIT, 4))
    assert (found.key, found.split, found.label, found.other) == ("image 4", "validation", "a", "image 7 (test)")


def test_findings_are_counted_by_split(dataset: Dataset) -> None:
    assert audit(dataset).to_dict()["findings"][CROSS_SPLIT] == {"test": 3, "train": 1, "validation": 1}


def test_clean_data_has_no_findings(make_dataset: MakeDataset) -> None:
    assert audit(make_dataset([("train", "a", face(1)), ("test", "a", face(2))])).findings == ()


def rows(dataset: Dataset) -> list[int | None]:
    return [sample.row for sample in dataset.samples]


def test_dropping_leaks_leaves_the_test_split_whole(dataset: Dataset) -> None:
    assert rows(drop_leaks(dataset)) == [1, 2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("row\n0\n3\n", [1, 2, 4, 5, 6, 7, 8]),
        ("key,why\nimage 4,looks odd\n", [0, 1, 2, 3, 5, 6, 7, 8]),
        ("row,key\n,image 0\n1,\n", [2, 3, 4, 5, 6, 7, 8]),
        ("row\n3\n5\n6\n", [0, 1, 2, 4, 5, 6, 7, 8]),
    ],
    ids=["by row", "by key", "by either", "never from test"],
)
def test_a_list_excludes_training_images(dataset: Dataset, tmp_path: Path, text: str, left: list[int]) -> None:
    (tmp_path / "list.csv").write_text(text)
    assert rows(exclude_listed(dataset, tmp_path / "list.csv")) == left


def test_test_images_go_only_when_that_is_asked_for(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("row\n0\n8\n")
    assert rows(exclude_listed(dataset, tmp_path / "list.csv", tests=True)) == [1, 2, 3, 4, 5, 6, 7]
    (tmp_path / "list.csv").write_text("row\n77\n")
    with raises(EdgeemoError, problem=r"list.csv names no image of made"):
        exclude_listed(dataset, tmp_path / "list.csv", tests=True)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("row\n77\n", {"problem": "list.csv names no training image of made"}),
        ("row\n²\n", {"problem": "list.csv names no training image of made"}),
        ("key\nimage 8\n", {"problem": "list.csv names no training image of made"}),
        (
            "image,split\n1,Training\n",
            {"problem": "list.csv does not list images", "expected": "^a column row or key", "got": "^image"},
        ),
        ("", {"problem": "list.csv does not list images"}),
        (b"row\n\xff\xfe\n", {"problem": "list.csv is not a readable CSV"}),
        (None, {"problem": "list.csv is not there"}),
    ],
)
def test_a_list_that_excludes_nothing_is_refused(
    dataset: Dataset, tmp_path: Path, text: str | bytes | None, fields: dict[str, str]
) -> None:
    if text is not None:
        (tmp_path / "list.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with raises(EdgeemoError, **fields):
        exclude_listed(dataset, tmp_path / "list.csv")


def with_a_leak(forms: Forms) -> Forms:
    """The test image of row 17 also stands in training, as row 0."""
    forms.images[0] = (forms.images[0][0], forms.images[0][1], forms.images[17][2])
    return forms


def test_the_command_s_list_is_one_to_exclude_by(forms: Forms) -> None:
    listed = forms.root / "findings.csv"
    source = with_a_leak(forms).folder()
    result = CliRunner().invoke(edgeemo, ["data", "audit", str(source), "--out", str(listed)])
    assert result.exit_code == 0, result.output
    from edgeemo.train.datasets.registry import read_dataset

    assert rows(exclude_listed(read_dataset(source), listed)) == rows(drop_leaks(read_dataset(source)))


def test_the_command_prints_counts(forms: Forms) -> None:
    arguments = ["data", "audit", str(with_a_leak(forms).csv()), "--out", str(forms.root / "findings.csv")]
    lines = CliRunner().invoke(edgeemo, arguments).output.splitlines()
    assert ["total", "6", "12"] in [line.split() for line in lines]
    assert any(line.split()[:1] == ["2"] and "another split  (test 1, train 1)" in line for line in lines)


def test_the_command_prints_json_alone(forms: Forms) -> None:
    path = forms.csv(extra=["9,,Training"])
    arguments = ["data", "audit", str(path), "--out", str(forms.root / "findings.csv"), "--json", "--skip-bad"]
    result = CliRunner().invoke(edgeemo, arguments)
    assert json.loads(result.stdout)["findings"][BROKEN] == 1


def test_the_command_overwrites_no_list(forms: Forms) -> None:
    (forms.root / "findings.csv").write_text("mine")
    result = CliRunner().invoke(edgeemo, ["data", "audit", str(forms.csv()), "--out", str(forms.root / "findings.csv")])
    assert (result.exit_code, (forms.root / "findings.csv").read_text()) == (1, "mine")
    assert "exists already" in result.output


def test_the_archive_s_leaks_are_those_that_are_known(fer2013: Dataset, fer_archive: Path) -> None:
    with open(fer_archive.parent / "leaks.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    known = {
        (line["split"], int(line["row"]))
        for line in lines
        if (line["split"] == "Training" and "PublicTest" in line["also_in"])
        or (line["split"] == "PublicTest" and "Training" in line["also_in"])
    }
    part = {"train": "Training", "test": "PublicTest"}
    found = {(part[f.split], f.row) for f in audit(fer2013).findings if f.kind == CROSS_SPLIT}
    assert len(known) == 631
    assert found == known


def test_the_archive_without_its_leaks(fer2013: Dataset, fer_archive: Path) -> None:
    kept = exclude_listed(fer2013, fer_archive.parent / "leaks.csv")
    assert (len(kept.split("train")), len(kept.split("test"))) == (28_006, 3_589)
