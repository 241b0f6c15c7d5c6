"""Synthetic faces for demonstration and tests: ``synthetic`` or ``synthetic:train=4000,test=1000,size=48,seed=0``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ....edge.common.errors import OptionError
from ..builder import Entry
from ..dataset import Dataset, Sample, pixel_digest
from ..synthetic import EMOTIONS, SIZES, make_faces
from .format import Format

_SOURCE = re.compile(r"^synthetic(?::(?P<options>.*))?$")
_DEFAULTS = {"train": 4000, "test": 1000, "size": 48, "seed": 0}
#: Test faces come from far along the sequence (a multiple of seven: balanced), where no training set reaches.
_FIRST_TEST_FACE = 7_000_000


class Synthetic(Format):
    """Faces that are drawn when they are read."""

    name = "synthetic"
    files = "synthetic"

    def accepts(self, path: Path) -> bool:
        """Return whether the source is the word ``synthetic``, with options or without."""
        return bool(_SOURCE.match(str(path)))

    def entries(self, path: Path) -> Iterator[Entry]:
        """Return the faces of :meth:`read`."""
        dataset = self.read(path)
        for sample, pixels in zip(dataset.samples, dataset.images, strict=True):
            yield Entry(sample.key, dataset.labels[sample.label], sample.split, functools.partial(np.copy, pixels))

    def read(self, path: Path, *, skip_bad: bool = False) -> Dataset:
        """Return the faces that the options ask for."""
        match = _SOURCE.match(str(path))
        return synthetic_dataset(**_options((match and match.group("options")) or ""))


# The demo asks for the same faces four times, and drawing 7,000 of them takes seconds.
@functools.lru_cache(maxsize=2)
def synthetic_dataset(*, train: int = 4000, test: int = 1000, size: int = 48, seed: int = 0) -> Dataset:
    """Return synthetic faces as a data set.

    Args:
        train: number of training faces. Face i of a split is the same whatever the numbers are, and no face
            is in both splits.
        test: number of test faces.
        size: height and width, pixels.
        seed: seed of the faces.
    """
    images: list[np.ndarray] = []
    samples: list[Sample] = []
    for split, count, start in (("train", train, 0), ("test", test, _FIRST_TEST_FACE)):
        pixels, targets = make_faces(count, size=size, seed=seed, start=start)
        for index, (label, face) in enumerate(zip(targets, pixels, strict=True)):
            images.append(face[:, :, 0])
            samples.append(Sample(f"{split} face {index}", int(label), split, pixel_digest(face[:, :, 0])))
    return Dataset("synthetic", EMOTIONS, tuple(samples), images)


def _options(text: str) -> dict[str, int]:
    options = dict(_DEFAULTS)
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in options or not value.isdecimal():
            raise OptionError(
                "options of the synthetic data set do not fit",
                expected="synthetic:" + ",".join(f"{k}={v}" for k, v in _DEFAULTS.items()),
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
