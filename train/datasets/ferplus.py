"""FER+: ten people's votes on every image of FER-2013, joined by row.

Barsoum et al. 2016, "Training deep networks for facial expression recognition with crowd-sourced label distribution",
arXiv:1608.01041; the file is their ``fer2013new.csv``, whose rows are those of fer2013.csv.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from ...edge.common.errors import DataError
from ...edge.common.files import existing
from .dataset import Dataset
from .labels import CANONICAL, canonical_name

_EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
_OTHERS = ("contempt", "unknown", "NF")
VOTED = (*_EMOTIONS, *_OTHERS)
_TIE, _NOBODY = "ties", "without a vote for an emotion"
#: Column of the votes for each emotion in our order.
_COLUMNS = [[canonical_name(name) for name in _EMOTIONS].index(label) for label in CANONICAL]


class Mode(str, Enum):
    """Uses of the votes.

    ``majority``: the emotion with most votes is the label; ties and images on which contempt, unknown or no face (NF)
    won are left out. (The paper's own rule asks for more than half of the votes; most votes keeps more images.)
    ``probability``: FER-2013's label stays, the emotions' shares of the votes are the soft target.
    ``mixed``: the soft target is the mean of these shares and FER-2013's label.
    ``head``: nothing here; FER-2013's label stays, and the votes teach a second head of the network.
    """

    MAJORITY = "majority"
    PROBABILITY = "probability"
    MIXED = "mixed"
    HEAD = "head"


@dataclass(frozen=True)
class Votes:
    """The table of a fer2013new.csv.

    Args:
        name: of the file.
        usages: ``Training``, ``PublicTest`` or ``PrivateTest``, one a row.
        counts: votes, int64 (rows, 10) in the order of :data:`VOTED`.
    """

    name: str
    usages: tuple[str, ...]
    counts: np.ndarray


def read_votes(path: str | Path) -> Votes:
    """Read a fer2013new.csv.

    Raises:
        DataError: not there, another table, or a row whose votes are no numbers.
    """
    path = existing(path, "the published fer2013new.csv of FER+")
    usages, rows = [], []
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            header = reader.fieldnames or []
            if not {"Usage", *VOTED} <= set(header):
                raise DataError(
                    f"{path} is not a table of FER+ votes",
                    expected="columns Usage, Image name, " + ", ".join(VOTED),
                    got=", ".join(header[:5]) or "an empty file",
                )
            for row, line in enumerate(reader):
                votes = [(line[column] or "").strip() for column in VOTED]
                if not all(vote.isascii() and vote.isdecimal() for vote in votes):
                    raise DataError(
                        f"{path} row {row} has votes that are not numbers", expected="ten whole numbers", got=str(votes)
                    )
                usages.append((line["Usage"] or "").strip())
                rows.append([int(vote) for vote in votes])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a readable CSV ({error})", expected="fer2013new.csv") from error
    return Votes(path.name, tuple(usages), np.array(rows, np.int64).reshape(-1, len(VOTED)))


def with_votes(dataset: Dataset, votes: Votes, mode: Mode) -> Dataset:
    """Return FER-2013 with the labels or soft targets of FER+.

    Args:
        dataset: FER-2013 or a part of it, in any form that keeps the rows of fer2013.csv.
        votes: from :func:`read_votes`.
        mode: what becomes of the votes.

    Returns:
        The data set in canonical labels; how many images were left out, and why, is in its ``notes``.

    Raises:
        DataError: the images have no row, or the table is that of other rows, or nothing is left.
    """
    if mode is Mode.HEAD:
        return dataset
    dataset = dataset.relabeled(CANONICAL)
    counts = _joined(dataset, votes)
    emotions = counts[:, _COLUMNS]
    reasons: list[str] = [""] * len(dataset)
    samples, soft = dataset.samples, None
    if mode is Mode.MAJORITY:
        reasons = [_why_undecided(row) for row in counts]
        labels = emotions.argmax(axis=1)
        samples = tuple(replace(s, label=int(label)) for s, label in zip(samples, labels, strict=True))
    else:
        total = emotions.sum(axis=1, keepdims=True)
        reasons = ["" if n else _NOBODY for n in total[:, 0]]
        soft = (emotions / np.maximum(total, 1)).astype(np.float32)
        if mode is Mode.MIXED:
            soft = (soft + np.eye(len(CANONICAL), dtype=np.float32)[dataset.targets]) / 2
    kept = [index for index, reason in enumerate(reasons) if not reason]
    if not kept:
        raise DataError(f"{votes.name} leaves no image of {dataset.name}", expected="votes for emotions")
    changed = replace(dataset, name=f"{dataset.name} (FER+ {mode.value})", samples=samples, soft=soft).take(kept)
    return replace(changed, notes=(*dataset.notes, _note(mode, dataset, reasons)))


def _joined(dataset: Dataset, votes: Votes) -> np.ndarray:
    """Votes of every image, int64 (n, 10)."""
    hint = "give the published fer2013new.csv, and FER-2013 in a form that keeps its rows"
    for sample in dataset.samples:
        if sample.row is None:
            raise DataError(f"{sample.key} has no row of fer2013.csv to find its FER+ votes by", hint=hint)
        if sample.row >= len(votes.usages):
            raise DataError(
                f"{votes.name} has no votes for row {sample.row} of {dataset.name}",
                expected=f"rows up to {max(s.row or 0 for s in dataset.samples)}",
                got=f"{len(votes.usages):,} rows",
                hint=hint,
            )
        if sample.part in ("Training", "PublicTest", "PrivateTest") and sample.part != votes.usages[sample.row]:
            raise DataError(
                f"{votes.name} is not the table of {dataset.name}",
                expected=f"{sample.part} in row {sample.row}",
                got=votes.usages[sample.row] or "nothing",
                hint=hint,
            )
    return votes.counts[[sample.row or 0 for sample in dataset.samples]]


def _why_undecided(row: np.ndarray) -> str:
    """Why an image's votes give no label, or empty."""
    winners = np.flatnonzero(row == row.max())
    if len(winners) > 1:
        return _TIE
    name = VOTED[winners[0]]
    return name if name in _OTHERS else ""


def _note(mode: Mode, dataset: Dataset, reasons: list[str]) -> str:
    found = Counter(reason for reason in reasons if reason)
    splits = Counter(sample.split for sample, reason in zip(dataset.samples, reasons, strict=True) if reason)
    why = [f"{found[name]:,} {name}" for name in (_TIE, *_OTHERS, _NOBODY) if found[name]]
    where = [f"{split} {count:,}" for split, count in sorted(splits.items())]
    counted = f"FER+ ({mode.value}) left out {found.total():,} of {len(reasons):,} images"
    return f"{counted} ({', '.join(where)}): {', '.join(why)}" if why else counted
