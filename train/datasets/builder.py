"""Data sets from the entries of a source: the bookkeeping that all formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ...edge.common.errors import DataError, EdgeemoError
from .dataset import Bad, Dataset, Sample, pixel_digest
from .labels import canonical_name, ordered
from .lazy_images import HELD_BYTES, Image, Images

#: Names that people give to splits, in lower case -> split.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "publictest": "test",
    "privatetest": "test",
}
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Entry:
    """An image of a source, or what should be one.

    Args:
        key: place in the source: a path or a row.
        label: class name as the source spells it.
        split: the source's name of the split, or empty.
        pixels: decodes it: uint8 (h, w) or (h, w, 3); raises DataError when it is broken.
        row: row of the original fer2013.csv, if known.
        group: person who is shown, if known.
        view: angle from which the image was taken, if known.
        part: name of the split in the original source; ``split`` without it.
    """

    key: str
    label: str
    split: str
    pixels: Callable[[], np.ndarray]
    row: int | None = None
    group: str = ""
    view: str = ""
    part: str = ""


def split_of(name: str) -> str:
    """Return ``train``, ``validation`` or ``test`` for a name in :data:`SPLITS`, else an empty text."""
    return SPLITS.get(name.strip().lower(), "")


def build(name: str, entries: Iterable[Entry | Bad], *, skip_bad: bool, splits: Mapping[str, str] = SPLITS) -> Dataset:
    """Decode entries into a data set.

    Every image is decoded once, for its digest. Pixels stay in memory up to :data:`lazy_images.HELD_BYTES`; the images
    beyond are decoded again whenever they are asked for.

    Args:
        name: name of the data set.
        entries: images as a format found them, with what the format itself could not use.
        skip_bad: leave out what cannot be read (it is listed in ``Dataset.bad``) instead of refusing the whole.
        splits: the source's own name of a split, in lower case -> split.

    Raises:
        DataError: no images, or a broken one while ``skip_bad`` is false.
    """
    broken: list[Bad] = []
    good: list[tuple[Entry, str, Image]] = []
    held = 0
    for entry in entries:
        if isinstance(entry, Bad):
            broken.append(entry)
            continue
        try:
            pixels = entry.pixels()
        except EdgeemoError as error:
            broken.append(Bad(entry.key, str(error)))
            continue
        hold = held + pixels.nbytes <= HELD_BYTES
        held += pixels.nbytes if hold else 0
        good.append((entry, pixel_digest(pixels), pixels if hold else entry.pixels))
    if broken and not skip_bad:
        raise DataError(
            f"{name} has {len(broken):,} broken of {len(good) + len(broken):,} images ({_named(broken)})",
            hint="repair or remove them, or leave them out with --skip-bad",
        )
    if not good:
        raise DataError(f"{name} has no readable images", expected="<class>/* or train/<class>/*, test/<class>/*")
    labels = ordered(canonical_name(entry.label) for entry, _, _ in good)
    position = {label: index for index, label in enumerate(labels)}
    samples = []
    for entry, digest, _ in good:
        samples.append(
            Sample(
                key=entry.key,
                label=position[canonical_name(entry.label)],
                split=splits.get(entry.split.strip().lower(), "all"),
                digest=digest,
                part=entry.part or entry.split,
                row=entry.row,
                group=entry.group,
                view=entry.view,
            )
        )
    return Dataset(name, labels, tuple(samples), Images(image for _, _, image in good), tuple(broken))


def _named(broken: list[Bad]) -> str:
    listed = "; ".join(bad.reason for bad in broken[:_NAMED_AT_MOST])
    rest = len(broken) - _NAMED_AT_MOST
    return f"{listed}; and {rest:,} more" if rest > 0 else listed
