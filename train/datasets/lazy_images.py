"""The images of a data set as a sequence: held in memory, or decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np

#: Decoded pixels that a data set keeps; what goes beyond is decoded again on every access. FER-2013 takes 83 MB, KDEF
#: whole would take 6.3 GB.
HELD_BYTES = 256 << 20

#: Decoded pixels, or what decodes them: uint8 (h, w) or (h, w, 3).
Image = np.ndarray | Callable[[], np.ndarray]


class Images(Sequence[np.ndarray]):
    """Images, each either held or decoded on access.

    Args:
        items: one for each image.
    """

    def __init__(self, items: Iterable[Image]) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Images: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Images:
        if isinstance(index, slice):
            return Images(self._items[index])
        item = self._items[index]
        return item if isinstance(item, np.ndarray) else item()

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Iterable[int]) -> Images:
        """Return the images at these positions, in this order; nothing is decoded."""
        return Images(self._items[index] for index in indices)

    @property
    def held(self) -> int:
        """Number of images that are in memory."""
        return sum(isinstance(item, np.ndarray) for item in self._items)
