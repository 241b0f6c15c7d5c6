"""One data set, whatever form people have it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.registry import read_dataset, read_evaluation_set

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms

SHADOW = b"\x00\x05\x16\x07 a resource fork, not an image"
FORMS: dict[str, Callable[[Forms], Path]] = {
    "folder": lambda forms: forms.folder(),
    "folder in a folder": lambda forms: forms.folder("fer/2013/"),
    "zip": lambda forms: forms.zip(),
    "zip with a folder above": lambda forms: forms.zip("archive/"),
    "csv": lambda forms: forms.csv(),
    "icml csv": lambda forms: forms.csv("emotion, Usage, pixels"),
    "csv in a zip": lambda forms: forms.csv_zip("fer2013/"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_images(forms: Forms, form: str) -> None:
    dataset = read_dataset(FORMS[form](forms))
    found = {s.row: (s.part, pixels.tobytes()) for s, pixels in zip(dataset.samples, dataset.images, strict=True)}
    assert found == {row: (part, pixels.tobytes()) for row, (part, _, pixels) in enumerate(forms.images)}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_hash(forms: Forms, form: str) -> None:
    reference = type(forms)(forms.root / "reference", forms.images).folder()
    assert read_dataset(FORMS[form](forms)).content_hash == read_dataset(reference).content_hash


@pytest.mark.parametrize("form", FORMS)
def test_classes_are_counted_in_canonical_order(forms: Forms, form: str) -> None:
    dataset = read_dataset(FORMS[form](forms))
    assert dataset.labels == ("angry", "happy", "neutral")
    assert dataset.counts == {
        "test": {"angry": 2, "happy": 2, "neutral": 2},
        "train": {"angry": 4, "happy": 4, "neutral": 4},
    }


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/train/happy/._Training_00001.png",
        "__MACOSX/train/happy/Training_00001.png",
        "train/happy/._Training_00001.png",
        ".Trash/train/happy/old.png",
        "train/happy/Thumbs.db",
        "train/readme.txt",
        ".DS_Store",
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_is_no_image_of_ours_is_passed_over(forms: Forms, form: str, name: str) -> None:
    assert len(read_dataset(getattr(forms, form)(extra={name: SHADOW}))) == 18


def test_one_changed_pixel_changes_the_hash(forms: Forms) -> None:
    before = read_dataset(forms.csv()).content_hash
    forms.images[3][2][0, 0] ^= 1
    assert read_dataset(forms.csv()).content_hash != before


def test_another_label_changes_the_hash(forms: Forms) -> None:
    before = read_dataset(forms.csv()).content_hash
    part, _, pixels = forms.images[0]
    forms.images[0] = (part, "angry", pixels)
    assert read_dataset(forms.csv()).content_hash != before


def test_folders_of_any_classes_are_one_split(tmp_path: Path, forms: Forms) -> None:
    for name in ("Yes", "no"):
        (tmp_path / "any" / name).mkdir(parents=True)
        (tmp_path / "any" / name / "a.png").write_bytes(next(iter(forms.members().values())))
    dataset = read_dataset(tmp_path / "any")
    assert (dataset.labels, [s.split for s in dataset.samples]) == (("no", "yes"), ["all", "all"])


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train", "train"), ("Training", "train"), ("val", "validation"), ("valid", "validation"), ("testing", "test")],
)
def test_splits_go_by_many_names(tmp_path: Path, forms: Forms, folder: str, split: str) -> None:
    (tmp_path / "any" / folder / "Happiness").mkdir(parents=True)
    (tmp_path / "any" / folder / "Happiness" / "a.png").write_bytes(next(iter(forms.members().values())))
    dataset = read_dataset(tmp_path / "any")
    assert (dataset.labels, dataset.samples[0].split, dataset.samples[0].part) == (("happy",), split, folder)


def test_a_csv_without_usage_is_one_split(forms: Forms) -> None:
    assert set(read_dataset(forms.csv("emotion,pixels")).counts) == {"all"}


def test_color_stays(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    (tmp_path / "any" / "happy").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "any" / "happy" / "a.png")
    assert np.array_equal(read_dataset(tmp_path / "any").images[0], pixels)


@pytest.mark.parametrize(("split", "n"), [("train", 12), ("Training", 12), ("test", 6), ("PublicTest", 6)])
def test_a_split_is_found_by_our_name_and_by_the_source_s(forms: Forms, split: str, n: int) -> None:
    assert len(read_evaluation_set(forms.csv(), split)) == n


def test_an_unknown_split_names_the_known_ones(forms: Forms) -> None:
    with raises(EdgeemoError, problem="no images in split 'dev'$", expected="PublicTest or .*train"):
        read_evaluation_set(forms.csv(), "dev")


def test_a_limit_keeps_the_proportion_of_the_classes() -> None:
    chosen = read_evaluation_set("synthetic:train=1,test=140,size=24", "test", limit=35)
    assert chosen.counts == {"test": dict.fromkeys(chosen.labels, 5)}


def counts(dataset: Dataset) -> dict[str, int]:
    return {split: sum(by_class.values()) for split, by_class in dataset.counts.items()}


@pytest.mark.parametrize(
    ("source", "size", "splits"),
    [
        ("synthetic:train=5,test=2,size=24", 24, {"train": 5, "test": 2}),
        ("synthetic:size=32,test=0,train=3", 32, {"train": 3}),
        ("synthetic:train=2,test=1", 48, {"train": 2, "test": 1}),
    ],
)
def test_synthetic_faces_by_options(source: str, size: int, splits: dict[str, int]) -> None:
    dataset = read_dataset(source)
    assert (counts(dataset), dataset.images[0].shape) == (splits, (size, size))


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_synthetic_faces_depend_on_the_seed(seed: int, same: bool) -> None:
    options = "synthetic:train=3,test=1,size=24"
    assert (read_dataset(f"{options},seed={seed}").content_hash == read_dataset(options).content_hash) is same


@pytest.mark.parametrize("options", ["faces=3", "train", "train=many", "train=-1", "train=²"])
def test_synthetic_options_that_do_not_fit_are_named(options: str) -> None:
    with raises(EdgeemoError, problem="synthetic data set do not fit", expected="train=4000", got=f"^'{options}'"):
        read_dataset(f"synthetic:{options}")


@pytest.mark.parametrize("size", [23, 513])
def test_synthetic_faces_have_sizes_that_can_be_drawn(size: int) -> None:
    with raises(EdgeemoError, expected="^size=24 to size=512 pixels", got=f"^size={size}"):
        read_dataset(f"synthetic:train=1,test=0,size={size}")


def test_the_archive_has_the_published_images(fer2013: Dataset) -> None:
    assert counts(fer2013) == {"train": 28_709, "test": 3_589}
    assert fer2013.counts["train"]["disgust"] == 436


def test_a_folder_that_holds_the_published_csv_is_that_csv(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n3," + " ".join(["7"] * 2304) + ",Training\n")
    assert read_dataset(tmp_path).content_hash == read_dataset(tmp_path / "fer2013.csv").content_hash
