"""One small data set in every form in which people have FER-2013, and the real archive where it is at hand."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeemo.train.datasets.dataset import Dataset, Sample, pixel_digest
from edgeemo.train.datasets.labels import CANONICAL
from edgeemo.train.datasets.registry import read_dataset

#: split, class, pixels
LabeledImage = tuple[str, str, np.ndarray]
MakeDataset = Callable[[Iterable[LabeledImage]], Dataset]

_FOLDERS = {"Training": "train", "PublicTest": "test"}


def png(pixels: np.ndarray) -> bytes:
    """The pixels as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@dataclass(frozen=True)
class Forms:
    """Writes the same images as a folder, a zip or a CSV.

    Args:
        root: folder for what is written.
        images: part of FER-2013, class, pixels; the place in the list is the row of fer2013.csv.
    """

    root: Path
    images: list[LabeledImage]

    def members(self, above: str = "") -> dict[str, bytes]:
        """File name -> contents, below the folder ``above``."""
        return {
            f"{above}{_FOLDERS[part]}/{label}/{part}_{row:05d}.png": png(pixels)
            for row, (part, label, pixels) in enumerate(self.images)
        }

    def folder(self, above: str = "", extra: dict[str, bytes] | None = None) -> Path:
        """Class folders, with files added or replaced."""
        for name, data in {**self.members(above), **(extra or {})}.items():
            path = self.root / "folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.root / "folder"

    def zip(self, above: str = "", extra: dict[str, bytes] | None = None) -> Path:
        """The same in a zip."""
        with zipfile.ZipFile(self.root / "archive.zip", "w") as archive:
            for name, data in {**self.members(above), **(extra or {})}.items():
                archive.writestr(name, data)
        return self.root / "archive.zip"

    def csv(self, header: str = "emotion,pixels,Usage", extra: Iterable[str] = ()) -> Path:
        """fer2013.csv, its columns in the order of the header, with lines added at the end."""
        path = self.root / "fer2013.csv"
        with open(path, "w", newline="") as stream:
            stream.write(header + "\n")
            writer = csv.writer(stream, lineterminator="\n")
            for part, label, pixels in self.images:
                row = {
                    "emotion": CANONICAL.index(label),
                    "pixels": " ".join(map(str, pixels.ravel())),
                    "Usage": part,
                }
                writer.writerow([row[column.strip()] for column in header.split(",")])
            stream.writelines(line + "\n" for line in extra)
        return path

    def csv_zip(self, above: str = "") -> Path:
        """fer2013.csv in a zip."""
        with zipfile.ZipFile(self.root / "csv.zip", "w") as archive:
            archive.write(self.csv(), f"{above}fer2013.csv")
        return self.root / "csv.zip"


@pytest.fixture
def forms(tmp_path: Path) -> Forms:
    """Twelve training and six test images of three classes."""
    rng = np.random.default_rng(0)
    parts = ["Training"] * 12 + ["PublicTest"] * 6
    labels = ("neutral", "happy", "angry")
    faces = rng.integers(0, 256, (len(parts), 48, 48), np.uint8)
    return Forms(tmp_path, [(part, labels[row % 3], faces[row]) for row, part in enumerate(parts)])


@pytest.fixture
def make_dataset() -> MakeDataset:
    """Makes a data set of (split, class, pixels); keys are ``image 0``, ``image 1``, ..."""

    def make(images: Iterable[LabeledImage]) -> Dataset:
        listed = list(images)
        labels = tuple(sorted({label for _, label, _ in listed}))
        samples = tuple(
            Sample(f"image {row}", labels.index(label), split, pixel_digest(pixels), row=row)
            for row, (split, label, pixels) in enumerate(listed)
        )
        return Dataset("made", labels, samples, [pixels for _, _, pixels in listed])

    return make


@pytest.fixture(scope="session")
def fer_archive() -> Path:
    """The archive of FER-2013, leaks.csv beside it."""
    path = os.environ.get("EDGEEMO_FER2013")
    if not path:
        pytest.skip("EDGEEMO_FER2013 does not name FER-2013's archive.zip")
    return Path(path)


@pytest.fixture(scope="session")
def fer2013(fer_archive: Path) -> Dataset:
    """FER-2013, read."""
    return read_dataset(fer_archive)
