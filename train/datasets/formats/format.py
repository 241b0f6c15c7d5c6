"""Interface of a data-set format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from ..builder import SPLITS, Entry, build
from ..dataset import Bad, Dataset


class Format(ABC):
    """A form in which people keep labeled faces.

    Attributes:
        name: name in the registry.
        files: what a source looks like, for messages: ``"a folder"``.
        splits: a source's own name of a split, in lower case -> ``train``, ``validation`` or ``test``. Entries of any
            other split are of the split ``all``.
    """

    name: ClassVar[str]
    files: ClassVar[str]
    splits: ClassVar[Mapping[str, str]] = SPLITS

    @abstractmethod
    def accepts(self, path: Path) -> bool:
        """Return whether a source is in this format; quick, and False for what is not there or cannot be read."""

    @abstractmethod
    def entries(self, path: Path) -> Iterable[Entry | Bad]:
        """Return the images of a source that :meth:`accepts` took, and what cannot be used, in a fixed order.

        Raises:
            DataError: the source as a whole cannot be read.
        """

    def read(self, path: Path, *, skip_bad: bool = False) -> Dataset:
        """Return a source as a data set; a format overrides this when it knows more than its entries.

        Args:
            path: source that :meth:`accepts` took.
            skip_bad: leave out what cannot be read instead of refusing the whole.

        Raises:
            DataError: no images, or a broken one while ``skip_bad`` is false.
        """
        return build(path.name, self.entries(path), splits=self.splits, skip_bad=skip_bad)
