"""Broken data: named in one sentence, or skipped and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.registry import read_dataset

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms

Build = Callable[["Forms"], Path]
FACE = " ".join(["7"] * 2304)
CROWD = "train/happy/Training_00001.png"


def cut_zip(forms: Forms) -> Path:
    path = forms.zip()
    path.write_bytes(path.read_bytes()[:-200])
    return path


def damaged_member(forms: Forms) -> Path:
    """One byte of one compressed image is flipped; the directory of the zip is whole."""
    path = forms.zip()
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 10] ^= 0xFF
    path.write_bytes(bytes(data))
    return path


def text_as(name: str) -> Build:
    def build(forms: Forms) -> Path:
        path = forms.root / name
        path.write_text("nothing of the kind")
        return path

    return build


def folder_with(name: str, data: bytes) -> Build:
    return lambda forms: forms.folder(extra={name: data})


def zip_with(name: str, data: bytes) -> Build:
    return lambda forms: forms.zip(extra={name: data})


def csv_with(line: str) -> Build:
    return lambda forms: forms.csv(extra=[line])


def empty_folder(forms: Forms) -> Path:
    (forms.root / "empty").mkdir()
    return forms.root / "empty"


#: What cannot be read at all, and the fields of its error.
HOPELESS: dict[str, tuple[Build, dict[str, str]]] = {
    "not there": (
        lambda forms: forms.root / "nowhere",
        {"problem": "nowhere is not there$", "expected": "^a data set"},
    ),
    "empty folder": (empty_folder, {"problem": "empty has no readable images$", "expected": r"<class>/\*"}),
    "cut zip": (cut_zip, {"problem": r"archive\.zip is cut or not a zip"}),
    "no zip": (text_as("data.zip"), {"problem": r"data\.zip is cut or not a zip"}),
    "no csv": (
        text_as("data.csv"),
        {"problem": r"data\.csv is not a fer2013\.csv$", "expected": "^columns emotion, pixels, Usage"},
    ),
    "no data set": (
        text_as("data.txt"),
        {"problem": r"data\.txt is not a data set$", "expected": ".", "got": r"^a \.txt file"},
    ),
    "empty csv": (text_as("fer2013.csv"), {"problem": r"fer2013\.csv is not a fer2013\.csv"}),
    "header alone": (
        lambda forms: type(forms)(forms.root, []).csv(),
        {"problem": r"fer2013\.csv has no readable images"},
    ),
    "another header": (
        lambda forms: type(forms)(forms.root, []).csv("emotion,image,Usage"),
        {
            "problem": r"not a fer2013\.csv$",
            "expected": "^columns emotion, pixels, Usage$",
            "got": "^emotion, image, Usage",
        },
    ),
}

#: One broken thing among eighteen good ones, and what the sentence says of it.
BROKEN: dict[str, tuple[Build, str]] = {
    "damaged member": (damaged_member, r"Training_00000\.png in the zip is damaged"),
    "short row": (csv_with("3"), r"fer2013\.csv row 18 is short, expected 3 fields"),
    "row without usage": (csv_with(f"3,{FACE}"), r"row 18 is short"),
    "row with few pixels": (csv_with("3,1 2 3,Training"), r"row 18 is short or long, expected 2,304 pixels, got 3"),
    "emotion too large": (csv_with(f"7,{FACE},Training"), r"row 18 has emotion '7', expected 0 to 6"),
    "emotion in words": (csv_with(f"happy,{FACE},Training"), r"row 18 has emotion 'happy', expected 0 to 6"),
    "emotion in no digit": (csv_with(f"²,{FACE},Training"), r"row 18 has emotion '²', expected 0 to 6"),
    "pixel no number": (csv_with(f"3,{FACE[:-1]}x,Training"), r"row 18 has pixels that are not numbers"),
    "pixel huge": (csv_with(f"3,{FACE[:-1]}{'9' * 30},Training"), r"row 18 has pixels that are not numbers"),
    "pixel above 255": (csv_with(f"3,{FACE[:-1]}256,Training"), r"row 18 has pixels out of range, .* got 7 to 256"),
    "pixel below 0": (csv_with(f"3,{FACE[:-1]}-1,Training"), r"row 18 has pixels out of range, .* got -1 to 7"),
    "image of 0 bytes": (folder_with(CROWD, b""), r"Training_00001\.png is empty"),
    "image of 0 bytes in a zip": (zip_with("train/sad/a.png", b""), r"train/sad/a\.png is empty"),
    "text named .png": (folder_with("train/sad/a.png", b"I am a face"), r"a\.png is not an image"),
    "cut image": (folder_with("train/sad/a.png", b"\x89PNG\r\n\x1a\n\0\0"), r"a\.png is (not|a damaged)"),
    "image at the top": (folder_with("a.png", b"\x89PNG"), r"a\.png stands outside any class folder"),
    "image beside the classes": (folder_with("train/a.png", b""), r"train/a\.png stands outside any class folder"),
    "the same in a zip": (zip_with("fer/test/a.png", b""), r"fer/test/a\.png stands outside any class folder"),
}


@pytest.mark.parametrize("case", HOPELESS)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_what_cannot_be_read_is_named(forms: Forms, case: str, skip_bad: bool) -> None:
    build, fields = HOPELESS[case]
    with raises(EdgeemoError, **fields):
        read_dataset(build(forms), skip_bad=skip_bad)


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_refused_by_name(forms: Forms, case: str) -> None:
    build, sentence = BROKEN[case]
    with raises(EdgeemoError, problem=rf"has 1 broken of \d+ images \(.*{sentence}", hint="--skip-bad"):
        read_dataset(build(forms))


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_can_be_left_out(forms: Forms, case: str) -> None:
    dataset = read_dataset(BROKEN[case][0](forms), skip_bad=True)
    replaced = case in ("damaged member", "image of 0 bytes")
    assert (len(dataset), len(dataset.bad)) == (17 if replaced else 18, 1)


def test_many_broken_ones_are_counted_and_three_are_named(forms: Forms) -> None:
    path = forms.csv(extra=["9,,Training"] * 5)
    with raises(EdgeemoError, problem=r"5 broken of 23 images \(.*row 18.*row 19.*row 20 [^;]*; and 2 more\)"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("mode", "shape"), [("RGBA", (48, 48, 3)), ("CMYK", (48, 48, 3)), ("I;16", (48, 48)), ("P", (48, 48, 3))]
)
def test_odd_kinds_of_images_are_read(forms: Forms, mode: str, shape: tuple[int, ...]) -> None:
    gray = Image.fromarray(np.full((48, 48), 99, np.uint8))
    path = forms.folder() / "train/happy" / ("odd.tif" if mode in ("CMYK", "I;16") else "odd.png")
    odd = Image.fromarray(np.full((48, 48), 99 * 257, np.uint16)) if mode == "I;16" else gray.convert(mode)
    odd.save(path)
    dataset = read_dataset(forms.root / "folder")
    found = {s.key: p for s, p in zip(dataset.samples, dataset.images, strict=True)}[f"train/happy/{path.name}"]
    assert found.shape == shape
    assert np.abs(found.astype(int) - 99).max() <= 1


def test_an_image_bomb_is_refused_unopened(forms: Forms) -> None:
    path = forms.folder() / "train/happy/bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with raises(EdgeemoError, problem=r"bomb\.png is too large to decode"):
        read_dataset(forms.root / "folder")


@pytest.mark.parametrize("case", HOPELESS)
def test_the_command_says_one_sentence_and_ends_with_1(forms: Forms, case: str) -> None:
    listed = forms.root / "findings.csv"
    result = CliRunner().invoke(edgeemo, ["data", "audit", str(HOPELESS[case][0](forms)), "--out", str(listed)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert not listed.exists()
