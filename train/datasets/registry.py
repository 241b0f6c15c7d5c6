"""Open a data set, whatever form people have it in."""

from __future__ import annotations

import functools
import io
import re
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError, FileError, OptionError
from ...edge.common.files import existing
from .builder import build
from .dataset import Dataset, Sample, pixel_digest
from .formats.fer2013_csv import csv_entries
from .formats.folders import folder_entries, open_zip, read_member, zip_entries
from .formats.pack import is_pack, read_pack
from .selection import Choice
from .splits import Holdout, stratified
from .synthetic import EMOTIONS, SIZES, make_faces

_SYNTHETIC = re.compile(r"^synthetic(?::(?P<options>.*))?$")
_SYNTHETIC_DEFAULTS = {"train": 4000, "test": 1000, "size": 48, "seed": 0}
#: Test faces come from far along the sequence (a multiple of seven: balanced), where no training set reaches.
_FIRST_TEST_FACE = 7_000_000
_ALL = Choice()


def read_dataset(source: str | Path, *, skip_bad: bool = False) -> Dataset:
    """Read a data set.

    Args:
        source: a folder (``train/<class>/*``, ``test/<class>/*`` or ``<class>/*``), a zip of such a folder, FER-2013's
            fer2013.csv (plain, in a folder or in a zip), KDEF (folder or zip, known by its file names), a pack
            (:mod:`edgeemo.train.datasets.formats.pack`), or ``synthetic`` for synthetic faces
            (``synthetic:train=4000,test=1000,size=48,seed=0``).
        skip_bad: leave out broken images and rows instead of refusing the data set.

    Returns:
        The data set; what was left out is in ``bad``.

    Raises:
        EdgeemoError: nothing there, nothing in it, cut, or broken.
    """
    if match := _SYNTHETIC.match(str(source)):
        return synthetic_dataset(**_synthetic_options(match.group("options") or ""))
    path = existing(source, "a data set (folder, zip or fer2013.csv)")
    name = path.name
    if path.is_dir() and (path / "fer2013.csv").is_file():
        path = path / "fer2013.csv"
    if path.is_dir():
        return build(name, folder_entries(path), skip_bad=skip_bad)
    if path.suffix.lower() == ".csv":
        try:
            with open(path, newline="", encoding="utf-8") as stream:
                return build(name, csv_entries(stream, name), skip_bad=skip_bad)
        except OSError as error:
            raise FileError(f"{path} cannot be read ({error.strerror})") from error
    if path.suffix.lower() == ".zip":
        return _read_zip(path, skip_bad)
    raise DataError(
        f"{path} is not a data set", expected="a folder, a .zip, or fer2013.csv", got=f"a {path.suffix or 'plain'} file"
    )


def read_evaluation_set(
    source: str | Path,
    split: str,
    *,
    limit: int | None = None,
    skip_bad: bool = False,
    choice: Choice = _ALL,
    holdout: Holdout | None = None,
) -> Dataset:
    """One split of a data set, to be measured on.

    Args:
        source, skip_bad: see :func:`read_dataset`.
        split: name of a split, or of a part by the source's own name.
        limit: at most so many images, drawn stratified by class with a fixed seed.
        choice: what is used of the source.
        holdout: how the model's training left a test role out of a source that has no test split; not used for
            ``all``.

    Raises:
        EdgeemoError: see :func:`read_dataset`; or the split is empty.
    """
    dataset = read_dataset(source, skip_bad=skip_bad)
    if holdout and holdout.needed_by(dataset) and split != "all":
        dataset = holdout.carve(dataset)
    chosen = choice.apply(dataset).split(split)
    return stratified(chosen, limit) if limit else chosen


# The demo asks for the same faces four times, and drawing 7,000 of them takes seconds.
@functools.lru_cache(maxsize=2)
def synthetic_dataset(*, train: int = 4000, test: int = 1000, size: int = 48, seed: int = 0) -> Dataset:
    """Drawn faces as a data set, for demos and tests only.

    Args:
        train, test: number of faces in each split. Face i of a split is the same whatever the numbers are, and no face
            is in both.
        size: pixels.
        seed: of the drawing.
    """
    images: list[np.ndarray] = []
    samples: list[Sample] = []
    for split, count, start in (("train", train, 0), ("test", test, _FIRST_TEST_FACE)):
        pixels, targets = make_faces(count, size=size, seed=seed, start=start)
        for index, (label, face) in enumerate(zip(targets, pixels, strict=True)):
            images.append(face[:, :, 0])
            samples.append(Sample(f"{split} face {index}", int(label), split, pixel_digest(face[:, :, 0])))
    return Dataset("synthetic", EMOTIONS, tuple(samples), images)


def _read_zip(path: Path, skip_bad: bool) -> Dataset:
    # Left open for the images that do not fit into memory; it is closed with the last of them.
    archive = open_zip(path)
    if is_pack(archive):
        return read_pack(archive, path.name)
    tables = [member for member in archive.namelist() if member.endswith(("fer2013.csv", "icml_face_data.csv"))]
    if not tables:
        return build(path.name, zip_entries(archive), skip_bad=skip_bad)
    text = io.StringIO(read_member(archive, tables[0]).decode("utf-8", "replace"), newline="")
    return build(path.name, csv_entries(text, tables[0]), skip_bad=skip_bad)


def _synthetic_options(text: str) -> dict[str, int]:
    options = dict(_SYNTHETIC_DEFAULTS)
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in options or not value.isdecimal():
            raise OptionError(
                "options of the synthetic data set do not fit",
                expected="synthetic:" + ",".join(f"{k}={v}" for k, v in _SYNTHETIC_DEFAULTS.items()),
                got=repr(item),
            )
        options[key] = int(value)
    if not SIZES[0] <= options["size"] <= SIZES[1]:
        raise OptionError(
            "faces of that size cannot be drawn",
            expected=f"size={SIZES[0]} to size={SIZES[1]} pixels",
            got=f"size={options['size']}",
        )
    return options
