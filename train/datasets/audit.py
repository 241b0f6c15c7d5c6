"""Audit of a data set: copies within and across splits, conflicting labels, constant images."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...edge.common.errors import DataError
from ...edge.common.files import existing
from .dataset import Dataset, Sample

#: Kinds of finding, as they stand in the list's first column.
CROSS_SPLIT, WITHIN_SPLIT, CONFLICT, CONSTANT, PERSON, BROKEN = (
    "cross-split-copy",
    "copy",
    "conflicting-label",
    "constant",
    "person-in-two-splits",
    "broken",
)


@dataclass(frozen=True)
class Finding:
    """One image and what is wrong with it.

    Args:
        kind: one of the constants of this module.
        key: where the image stands.
        row: row of fer2013.csv, if known.
        split, label: of this image.
        other: where its first copy stands (another split, another label), or the reason.
    """

    kind: str
    key: str
    row: int | None
    split: str
    label: str
    other: str


@dataclass(frozen=True)
class Audit:
    """Result of :func:`audit`."""

    name: str
    content_hash: str
    counts: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]

    def count(self, kind: str, split: str | None = None) -> int:
        """Number of findings of a kind (in a split)."""
        return sum(f.kind == kind and split in (None, f.split) for f in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as a dict for JSON: counts, totals by kind and split."""
        kinds = (CROSS_SPLIT, WITHIN_SPLIT, CONFLICT, CONSTANT, PERSON, BROKEN)
        totals = {kind: {s: self.count(kind, s) for s in self.counts} for kind in kinds if kind != BROKEN}
        return {
            "dataset": self.name,
            "content_hash": self.content_hash,
            "counts": self.counts,
            "findings": {**totals, BROKEN: self.count(BROKEN)},
        }

    def to_csv(self) -> str:
        """Return all findings as CSV text; ``row`` and ``split`` make it usable for ``--exclude``."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["kind", "key", "row", "split", "label", "other"])
        for f in self.findings:
            writer.writerow([f.kind, f.key, "" if f.row is None else f.row, f.split, f.label, f.other])
        return stream.getvalue()


def audit(dataset: Dataset) -> Audit:
    """Look for what would make an accuracy untrue.

    Every image that has a pixel-identical copy in another split is a ``cross-split-copy``; one that has a copy in its
    own split is a ``copy`` (the first of a group is not counted); one whose copies carry another label is a
    ``conflicting-label``; one whose pixels are all equal is ``constant``; one of somebody who also stands in another
    split is a ``person-in-two-splits``.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        groups[sample.digest].append(sample)
    findings: list[Finding] = []

    def note(kind: str, sample: Sample, other: str) -> None:
        label = dataset.labels[sample.label]
        findings.append(Finding(kind, sample.key, sample.row, sample.split, label, other))

    for members in groups.values():
        first_in: dict[str, Sample] = {}
        for sample in members:
            elsewhere = next((m for m in members if m.split != sample.split), None)
            if elsewhere:
                note(CROSS_SPLIT, sample, f"{elsewhere.key} ({elsewhere.split})")
            if sample.split in first_in:
                note(WITHIN_SPLIT, sample, first_in[sample.split].key)
            first_in.setdefault(sample.split, sample)
            conflicting = next((m for m in members if m.label != sample.label), None)
            if conflicting:
                note(CONFLICT, sample, f"{conflicting.key} ({dataset.labels[conflicting.label]})")
    for sample, image in zip(dataset.samples, dataset.images, strict=True):
        if image.min() == image.max():
            note(CONSTANT, sample, f"all pixels {int(image.flat[0])}")
    people: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in dataset.samples:
        people[sample.group].setdefault(sample.split, sample)
    for sample in dataset.samples:
        other = next((s for split, s in people[sample.group].items() if split != sample.split), None)
        if sample.group and other:
            note(PERSON, sample, f"{sample.group}: {other.key} ({other.split})")
    findings += [Finding(BROKEN, bad.key, None, "", "", bad.reason) for bad in dataset.bad]
    return Audit(dataset.name, dataset.content_hash, dataset.counts, tuple(findings))


def drop_leaks(dataset: Dataset) -> Dataset:
    """Return the data set without training and validation images that stand, pixel for pixel, in the test split."""
    tested = {sample.digest for sample in dataset.samples if sample.split == "test"}
    return dataset.where(lambda sample: sample.split == "test" or sample.digest not in tested)


def exclude_listed(dataset: Dataset, path: str | Path, *, tests: bool = False) -> Dataset:
    """Return the data set without the training images that a list names.

    Args:
        dataset: of which images that are not in the test split may be removed.
        path: CSV with a column ``row`` (row of fer2013.csv) or ``key`` (path inside the data set).
        tests: remove test images too; otherwise they always stay.

    Raises:
        DataError: the list is not there, has neither column, or matches nothing.
    """
    path = existing(path, "a CSV with a column row or key")
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a readable CSV ({error})") from error
    if not {"row", "key"} & set(columns):
        raise DataError(f"{path} does not list images", expected="a column row or key", got=", ".join(columns[:5]))
    rows = {int(line["row"]) for line in lines if (line.get("row") or "").isdecimal()}
    keys = {line["key"] for line in lines if line.get("key")}
    kept = dataset.where(lambda s: (s.split == "test" and not tests) or not (s.row in rows or s.key in keys))
    if len(kept) == len(dataset):
        raise DataError(
            f"{path} names no {'' if tests else 'training '}image of {dataset.name}",
            expected="rows of fer2013.csv or keys of this data set",
            hint="check that the list belongs to this data set",
        )
    return kept
