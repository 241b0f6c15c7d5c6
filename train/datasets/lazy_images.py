"""The pictures of a data set as a sequence: held in memory, or decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np

#: Decoded pixels that a data set keeps; what goes beyond is decoded again on every access. FER-2013 takes 83 MB, KDEF
#: whole would take 6.3 GB.
HELD_BYTES = 256 << 20

#: Decoded pixels, or what decodes them: uint8 (h, w) or (h, w, 3).
Picture = np.ndarray | Callable[[], np.ndarray]


class Pictures(Sequence[np.ndarray]):
    """Pictures, each either held or decoded on access.

    Args:
        items: one for each picture.
    """

    def __init__(self, items: Iterable[Picture]) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Pictures: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Pictures:
        if isinstance(index, slice):
            return Pictures(self._items[index])
        item = self._items[index]
        return item if isinstance(item, np.ndarray) else item()

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Iterable[int]) -> Pictures:
        """The pictures at these positions, in this order; nothing is decoded."""
        return Pictures(self._items[index] for index in indices)

    @property
    def held(self) -> int:
        """Number of pictures that are in memory."""
        return sum(isinstance(item, np.ndarray) for item in self._items)
