"""A data set: images with labels, splits and a content hash. Nothing of TensorFlow."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...edge.common.errors import DataError
from ...edge.vision.preprocess import InputSpec, fit
from .lazy_images import Images

#: Where a sample may stand in its source: ``all`` when the source makes no difference.
SPLITS = ("train", "validation", "test", "all")


@dataclass(frozen=True)
class Sample:
    """One labeled image.

    Args:
        key: where it stands in the source (path inside the folder or zip, or ``row 17``).
        label: index into the data set's labels.
        split: one of :data:`SPLITS`.
        digest: hex SHA-256 of its shape and decoded pixels: equal for pixel-identical images in any file format.
        part: the source's own name of the split (``PublicTest``), or empty.
        row: row of the original fer2013.csv, if known.
        group: who is shown (``F01``), or empty when unknown. Nobody may stand in two splits.
        view: angle from which the image was taken (``HL``), or empty when unknown.
    """

    key: str
    label: int
    split: str
    digest: str
    part: str = ""
    row: int | None = None
    group: str = ""
    view: str = ""


@dataclass(frozen=True)
class Bad:
    """A file or row that could not be read, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Images with labels.

    Args:
        name: of the source.
        labels: class names in order.
        samples: one for each image.
        images: decoded pixels, uint8 (h, w) gray or (h, w, 3) RGB, in the order of ``samples``. A
            :class:`Images` decodes on access what does not fit into memory.
        bad: what was skipped on reading.
        soft: soft targets to learn from, float32 (n, classes) with rows that sum to 1, or None. What is measured is
            measured by the samples' labels.
        notes: what else was left out and why, for people.
    """

    name: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    images: Sequence[np.ndarray]
    bad: tuple[Bad, ...] = ()
    soft: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.soft is not None and self.soft.shape != (len(self.samples), len(self.labels)):
            raise ValueError(f"soft targets {self.soft.shape} do not fit {len(self.samples)} samples")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def targets(self) -> np.ndarray:
        """Labels as int64 (n,)."""
        return np.array([sample.label for sample in self.samples], np.int64)

    @property
    def content_hash(self) -> str:
        """SHA-256 over labels, splits, pixels and soft targets; the order and the file names do not matter.

        The same images give the same hash whether they were read from a zip, from folders or from fer2013.csv.
        """
        digest = hashlib.sha256("\n".join(self.labels).encode())
        soft = [""] * len(self) if self.soft is None else [f" {row.tobytes().hex()}" for row in self.soft]
        for line in sorted(f"{s.split} {s.label} {s.digest}{row}" for s, row in zip(self.samples, soft, strict=True)):
            digest.update(line.encode())
        return digest.hexdigest()

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> class -> number of images."""
        table: dict[str, dict[str, int]] = {}
        for (split, label), n in sorted(Counter((s.split, s.label) for s in self.samples).items()):
            table.setdefault(split, dict.fromkeys(self.labels, 0))[self.labels[label]] = n
        return table

    def pixels(self, spec: InputSpec) -> np.ndarray:
        """Return all images fitted to a model's input: uint8 (n, height, width, channels)."""
        out = np.empty((len(self), *spec.shape), np.uint8)
        for index, image in enumerate(self.images):
            out[index] = fit(image, spec)
        return out

    def take(self, indices: Iterable[int]) -> Dataset:
        """Return the samples at these positions, in this order."""
        chosen = [int(index) for index in indices]
        images = self.images
        return replace(
            self,
            samples=tuple(self.samples[index] for index in chosen),
            images=images.take(chosen) if isinstance(images, Images) else [images[i] for i in chosen],
            soft=None if self.soft is None else self.soft[chosen],
        )

    def where(self, keep: Callable[[Sample], bool]) -> Dataset:
        """Return the samples for which ``keep`` is true."""
        return self.take(index for index, sample in enumerate(self.samples) if keep(sample))

    def split(self, name: str) -> Dataset:
        """Return a split (``train``, ``test``), or a part by the source's own name (``PublicTest``).

        Raises:
            DataError: there are none.
        """
        chosen = self.where(lambda sample: name in (sample.split, sample.part))
        if not len(chosen):
            known = sorted({s.split for s in self.samples} | {s.part for s in self.samples if s.part})
            raise DataError(f"{self.name} has no images in split {name!r}", expected=" or ".join(known))
        return chosen

    def relabeled(self, labels: Sequence[str]) -> Dataset:
        """Return the same images with labels numbered in the order of a model.

        Args:
            labels: the model's labels; they must contain every class that has images here.

        Raises:
            DataError: a class here is unknown to the model.
        """
        if tuple(labels) == self.labels:
            return self
        present = {self.labels[sample.label] for sample in self.samples}
        if missing := sorted(present - set(labels)):
            raise DataError(
                f"{self.name} has classes that the model does not know: {', '.join(missing)}",
                expected=f"a subset of {', '.join(labels)}",
                hint="choose the model's classes with --classes, or use a data set that has no others",
            )
        position = {name: index for index, name in enumerate(labels)}
        samples = tuple(replace(s, label=position[self.labels[s.label]]) for s in self.samples)
        soft = None
        if self.soft is not None:
            soft = np.zeros((len(self), len(labels)), np.float32)
            for index, name in enumerate(self.labels):
                # A class without images here need not be one of the model's.
                if name in position:
                    soft[:, position[name]] = self.soft[:, index]
        return replace(self, labels=tuple(labels), samples=samples, soft=soft)


def pixel_digest(image: np.ndarray) -> str:
    """Return the hex SHA-256 of an image's shape and pixels."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def class_counts(dataset: Dataset) -> np.ndarray:
    """Return the number of images per class, int64 (classes,)."""
    return np.bincount(dataset.targets, minlength=len(dataset.labels))
