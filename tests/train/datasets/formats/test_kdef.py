"""KDEF by its file-name code."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.audit import PERSON, audit
from edgeemo.train.datasets.builder import Entry
from edgeemo.train.datasets.dataset import Bad, Dataset
from edgeemo.train.datasets.formats.kdef import is_kdef, kdef_entry
from edgeemo.train.datasets.labels import CANONICAL
from edgeemo.train.datasets.registry import read_dataset

from ....conftest import raises


@pytest.fixture(scope="module")
def dataset(kdef_folder: Path) -> Dataset:
    return read_dataset(kdef_folder)


def nothing() -> np.ndarray:
    raise AssertionError("not decoded")


@pytest.mark.parametrize(
    ("path", "label", "group", "view", "split"),
    [
        ("AF01HAS.JPG", "happy", "F01", "S", ""),
        ("BF01HAS.JPG", "happy", "F01", "S", ""),
        ("AM01AFFL.JPG", "fear", "M01", "FL", ""),
        ("KDEF/BM35/BM35ANHL.jpg", "angry", "M35", "HL", ""),
        ("a/b/c/AF10DIHR.png", "disgust", "F10", "HR", ""),
        ("AF29NEFR.JPG", "neutral", "F29", "FR", ""),
        ("af30sas.jpg", "sad", "F30", "S", ""),
        ("AF09SUS.JPG", "surprise", "F09", "S", ""),
        ("train/AF09/AF09SUS.JPG", "surprise", "F09", "S", "train"),
        # The code counts, not the folder that somebody has sorted the image into.
        ("test/happy/AF09SUS.JPG", "surprise", "F09", "S", "test"),
    ],
)
def test_the_code_tells_all(path: str, label: str, group: str, view: str, split: str) -> None:
    entry = kdef_entry(PurePosixPath(path), nothing)
    assert isinstance(entry, Entry)
    assert (entry.label, entry.group, entry.view, entry.split) == (label, group, view, split)


@pytest.mark.parametrize(
    "name",
    ["CF01HAS", "AX01HAS", "AF00HAS", "AF36HAS", "AF1HAS", "AF01XXS", "AF01HA", "AF01HASS", "AF01HAFRX", "AF01HAS (1)"],
)
def test_a_broken_name_is_named(name: str) -> None:
    entry = kdef_entry(PurePosixPath(f"KDEF/{name}.JPG"), nothing)
    assert isinstance(entry, Bad)
    assert entry.reason == f"KDEF/{name}.JPG has no name of KDEF's code, as AF01HAS.JPG"


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (["AF01HAS.JPG"], True),
        (["AF01HAS.JPG", "BM02NEFR.jpg", "AF01.JPG"], True),
        (["AF01HAS.JPG", "a.png"], False),
        (["AF01HAS.JPG", "a.png", "b.png"], False),
        (["Training_00001.png"], False),
        ([], False),
    ],
)
def test_most_names_decide(names: list[str], verdict: bool) -> None:
    assert is_kdef(names) is verdict


def test_every_image_is_counted(dataset: Dataset) -> None:
    assert dataset.counts == {"all": dict.fromkeys(CANONICAL, 100)}
    assert Counter(sample.view for sample in dataset.samples) == dict.fromkeys(("FL", "HL", "S", "HR", "FR"), 140)


def test_both_sessions_are_one_person(dataset: Dataset) -> None:
    assert set(Counter(sample.group for sample in dataset.samples).values()) == {70}


def test_color_and_shape_stay(dataset: Dataset) -> None:
    assert {image.shape for image in dataset.images} == {(65, 48, 3)}


def test_a_zip_holds_the_same(dataset: Dataset, kdef_zip: Path) -> None:
    assert read_dataset(kdef_zip).content_hash == dataset.content_hash


def test_one_folder_for_all_holds_the_same(dataset: Dataset, kdef_folder: Path, tmp_path: Path) -> None:
    for file in kdef_folder.rglob("*.JPG"):
        shutil.copy(file, tmp_path)
    assert read_dataset(tmp_path).content_hash == dataset.content_hash


@pytest.fixture
def one_broken(kdef_folder: Path, tmp_path: Path) -> Path:
    """The 35 images of one session, one of them under a broken name."""
    shutil.copytree(kdef_folder / "AF01", tmp_path / "AF01")
    (tmp_path / "AF01" / "AF01HAS.JPG").rename(tmp_path / "AF01" / "AF01HASmile.JPG")
    return tmp_path


def test_a_broken_name_is_refused(one_broken: Path) -> None:
    with raises(EdgeemoError, problem=r"1 broken of 35 images \(AF01/AF01HASmile\.JPG has no name", hint="--skip-bad"):
        read_dataset(one_broken)


def test_a_broken_name_can_be_left_out(one_broken: Path) -> None:
    dataset = read_dataset(one_broken, skip_bad=True)
    assert (len(dataset), [bad.key for bad in dataset.bad]) == (34, ["AF01/AF01HASmile.JPG"])


def test_people_in_two_splits_are_found(kdef_folder: Path, tmp_path: Path) -> None:
    for split, folder in (("train", "AF01"), ("train", "AM01"), ("test", "BF01")):
        shutil.copytree(kdef_folder / folder, tmp_path / split / folder)
    findings = audit(read_dataset(tmp_path))
    assert (findings.count(PERSON, "train"), findings.count(PERSON, "test")) == (35, 35)
    assert {finding.other.split(":")[0] for finding in findings.findings if finding.kind == PERSON} == {"F01"}


def test_people_are_no_finding_where_they_stand_in_one_split(dataset: Dataset) -> None:
    assert audit(dataset).count(PERSON) == 0
