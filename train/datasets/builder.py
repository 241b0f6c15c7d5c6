"""From raw entries of a source to a data set: the bookkeeping that every reader shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ...edge.common.errors import DataError, EdgeemoError
from .dataset import Bad, Dataset, Sample, pixel_digest
from .labels import canonical_name, ordered
from .lazy_images import HELD_BYTES, Image, Images

_SPLIT_NAMES = {
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
_FER_FILE = re.compile(r"^(Training|PublicTest|PrivateTest)_(\d+)\.")
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Entry:
    """Something in a source that should be an image.

    Args:
        key: where it stands.
        label: class name as the source spells it.
        split: the source's name of the split, or empty.
        pixels: decodes it: uint8 (h, w) or (h, w, 3); raises EdgeemoError when it is broken.
        row: row of fer2013.csv, if known.
        group, view: who is shown and from which angle, if known.
    """

    key: str
    label: str
    split: str
    pixels: Callable[[], np.ndarray]
    row: int | None = None
    group: str = ""
    view: str = ""


def split_of(name: str) -> str:
    """``train``, ``validation`` or ``test`` for the names that people give their folders, else empty."""
    return _SPLIT_NAMES.get(name.strip().lower(), "")


def fer_name(file_name: str) -> tuple[str, int | None]:
    """(``Training``, 17) of ``Training_00017.png``: part and row of the original fer2013.csv; else ("", None)."""
    match = _FER_FILE.match(file_name)
    return (match.group(1), int(match.group(2))) if match else ("", None)


def build(name: str, entries: Iterable[Entry | Bad], *, skip_bad: bool) -> Dataset:
    """Decode entries into a data set.

    Every image is decoded once, for its digest. Pixels stay in memory up to :data:`lazy_images.HELD_BYTES`; the images
    beyond are decoded again whenever they are asked for.

    Args:
        name: of the source.
        entries: as a reader found them, with what the reader itself could not use.
        skip_bad: leave out what cannot be read (it is listed in ``Dataset.bad``) instead of refusing the whole.

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
        part, row = fer_name(entry.key.rsplit("/", 1)[-1])
        samples.append(
            Sample(
                key=entry.key,
                label=position[canonical_name(entry.label)],
                split=split_of(entry.split) or "all",
                digest=digest,
                part=part or entry.split,
                row=row if entry.row is None else entry.row,
                group=entry.group,
                view=entry.view,
            )
        )
    return Dataset(name, labels, tuple(samples), Images(image for _, _, image in good), tuple(broken))


def _named(broken: list[Bad]) -> str:
    listed = "; ".join(bad.reason for bad in broken[:_NAMED_AT_MOST])
    rest = len(broken) - _NAMED_AT_MOST
    return f"{listed}; and {rest:,} more" if rest > 0 else listed
