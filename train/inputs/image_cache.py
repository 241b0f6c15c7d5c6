"""The pixels of a data set in the size of a model, made once where they fit into memory, else image by image."""

from __future__ import annotations

import math

import numpy as np

from ...edge.vision.preprocess import InputSpec, fit
from ..datasets.dataset import Dataset

#: Fitted pixels that are held at once. FER-2013's training images take 65 MB at 48x48x1, but 5.6 GB at 256x256x3,
#: made from the same 65 MB.
HELD_BYTES = 1 << 30


class FittedOnDemand:
    """Fits the images that are asked for, from the originals.

    Args:
        dataset: the originals.
        spec: the model's input.
    """

    def __init__(self, dataset: Dataset, spec: InputSpec) -> None:
        self.images, self.spec = dataset.images, spec

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        """The images at these positions: uint8 (n, height, width, channels)."""
        out = np.empty((len(chosen), *self.spec.shape), np.uint8)
        for place, index in enumerate(chosen):
            out[place] = fit(self.images[int(index)], self.spec)
        return out


def fitted_pixels(dataset: Dataset, spec: InputSpec, *, held_bytes: int = HELD_BYTES) -> np.ndarray | FittedOnDemand:
    """Return pixels to be taken by arrays of positions; the same bit for bit in either form.

    Args:
        dataset: the originals.
        spec: the model's input.
        held_bytes: up to which size all of them are fitted at once and kept.
    """
    if len(dataset) * math.prod(spec.shape) <= held_bytes:
        return dataset.pixels(spec)
    return FittedOnDemand(dataset, spec)
