"""A data set, or a part of one, as one small file that a device reads and checks: made for an SD card.

The file is a zip of PNG images in folders ``<split>/<class>/``, which any tool can open, with a table of contents,
:data:`CONTENTS`: labels, the content hash, how the images were chosen, and for each of them where it comes from and
the hash of its pixels. Everything is checked on reading. The same choice of the same images gives the same bytes with
the same versions of Pillow and zlib.
"""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from ....edge.common.errors import DataError
from ....edge.common.files import atomic_path, sha256_file
from ....edge.vision.preprocess import InputSpec, fit
from ..builder import Entry
from ..dataset import Dataset, Sample, pixel_digest
from ..lazy_images import HELD_BYTES, Image, Images
from .files import is_zip, member_names, open_zip, read_member, read_zip_image
from .format import Format

#: Name of the table of contents in the zip.
CONTENTS = "edgeemo-data.json"
_FORMAT = 1
#: zip cannot store earlier dates; a true one would change the hash of the file.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Pack:
    """Summary of a pack.

    Args:
        path, bytes, sha256: of the file.
        n: images in it.
        content_hash: see :attr:`edgeemo.train.datasets.dataset.Dataset.content_hash`.
        counts: split -> class -> images.
    """

    path: str
    bytes: int
    sha256: str
    n: int
    content_hash: str
    counts: dict[str, dict[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as a dict for JSON."""
        return asdict(self)


def fitted(dataset: Dataset, spec: InputSpec) -> Dataset:
    """Return the data set with small images that are the same to a model: fitted to its input."""
    images = [np.squeeze(fit(image, spec)) if spec.channels == "gray" else fit(image, spec) for image in dataset.images]
    samples = [replace(s, digest=pixel_digest(pixels)) for s, pixels in zip(dataset.samples, images, strict=True)]
    return replace(dataset, samples=tuple(samples), images=images)


def write_pack(path: str | Path, dataset: Dataset, *, origin: str) -> Pack:
    """Write a data set as a pack. Soft targets are left out: a device measures by labels.

    Args:
        path: of the file; it appears whole or not at all.
        dataset: decoded images with labels.
        origin: how they were chosen, one phrase for people.

    Raises:
        EdgeemoError: the place cannot be written, or an image cannot be decoded.
    """
    dataset = replace(dataset, soft=None)
    entries = []
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            for index, (sample, image) in enumerate(zip(dataset.samples, dataset.images, strict=True)):
                folder = dataset.labels[sample.label].replace("/", "_")
                member = f"{sample.split}/{folder}/{index:06d}.png"
                stream = io.BytesIO()
                PIL.Image.fromarray(image).save(stream, "PNG", optimize=True)
                archive.writestr(zipfile.ZipInfo(member, _DATE), stream.getvalue())
                entries.append({"file": member, **asdict(sample)})
            contents = {
                "format": _FORMAT,
                "name": dataset.name,
                "origin": origin,
                "content_hash": dataset.content_hash,
                "labels": dataset.labels,
                "samples": entries,
            }
            text = json.dumps(contents, ensure_ascii=False, indent=0)
            archive.writestr(zipfile.ZipInfo(CONTENTS, _DATE), text, zipfile.ZIP_DEFLATED)
        size, digest = temporary.stat().st_size, sha256_file(temporary)
    return Pack(str(path), size, digest, len(dataset), dataset.content_hash, dataset.counts)


class PackFormat(Format):
    """A pack: a zip with a table of contents."""

    name = "pack"
    files = "a pack"

    def accepts(self, path: Path) -> bool:
        """Return whether it is a zip with a pack's table of contents."""
        return is_zip(path) and CONTENTS in member_names(path)

    def entries(self, path: Path) -> Iterator[Entry]:
        """Return the images as they are listed in the table of contents."""
        dataset = self.read(path)
        for sample, pixels in zip(dataset.samples, dataset.images, strict=True):
            label = dataset.labels[sample.label]
            yield Entry(
                sample.key,
                label,
                sample.split,
                functools.partial(np.copy, pixels),
                sample.row,
                sample.group,
                sample.view,
                sample.part,
            )

    def read(self, path: Path, *, skip_bad: bool = False) -> Dataset:
        """Return the data set that was packed, checked image by image; a damaged pack is never read in part."""
        # Left open for the images that do not fit into memory; it is closed with the last of them.
        return _read(open_zip(path), path.name)


def _read(archive: zipfile.ZipFile, where: str) -> Dataset:
    """Read a pack and check every image in it.

    Args:
        archive: it must stay open while the images are used.
        where: name of the file, for messages.

    Raises:
        DataError: it is of a newer format, damaged, or was changed after it was packed.
    """
    try:
        contents = json.loads(read_member(archive, CONTENTS))
        if contents["format"] != _FORMAT:
            raise DataError(
                f"{where} is packed in another format",
                expected=f"format {_FORMAT}",
                got=str(contents["format"]),
                hint="pack it again, or update edgeemo",
            )
        labels, name, origin = tuple(contents["labels"]), str(contents["name"]), str(contents["origin"])
        files = [str(entry.pop("file")) for entry in contents["samples"]]
        samples = tuple(Sample(**entry) for entry in contents["samples"])
        wanted = contents["content_hash"]
        if not all(isinstance(s.label, int) and 0 <= s.label < len(labels) for s in samples):
            raise ValueError("a label is not one of its classes")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"the table of contents of {where} cannot be read ({type(error).__name__}: {error})", hint="pack it again"
        ) from error
    members = frozenset(archive.namelist())
    images: list[Image] = []
    held = 0
    for file, sample in zip(files, samples, strict=True):
        if file not in members:
            raise _changed(where, f"{file} is missing")
        pixels = read_zip_image(archive, file)
        if pixel_digest(pixels) != sample.digest:
            raise _changed(where, f"{file} shows something else")
        hold = held + pixels.nbytes <= HELD_BYTES
        held += pixels.nbytes if hold else 0
        images.append(pixels if hold else functools.partial(read_zip_image, archive, file))
    dataset = Dataset(name, labels, samples, Images(images), notes=(f"{where}: {origin}",))
    if not samples or dataset.content_hash != wanted:
        raise _changed(where, "its content hash is another")
    return dataset


def _changed(where: str, how: str) -> DataError:
    return DataError(f"{where} is not what was packed ({how})", hint="copy or pack it again")
