"""Frames that are picture files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..common.errors import EdgeemoError
from ..common.files import existing
from ..vision.image import SUFFIXES, is_picture, read_picture
from .base import READING, Frame, Warn, to_rgb, warn_on_stderr
from .status import Status


class PictureSource:
    """Picture files in the order given. One that cannot be read is reported, counted and passed over.

    Args:
        paths: of the pictures, at least one.
        warn: takes the sentence about a picture that cannot be read.

    Raises:
        EdgeemoError: in the pass over it: none of the pictures can be read.
    """

    def __init__(self, paths: Sequence[Path], *, warn: Warn = warn_on_stderr) -> None:
        self.skipped = 0
        self._paths = paths
        self._warn = warn
        self._stopping = False

    @classmethod
    def of_folder(cls, folder: str | Path, *, warn: Warn = warn_on_stderr) -> PictureSource:
        """The pictures in a folder, not below it, sorted by name.

        Raises:
            EdgeemoError: it is not there, cannot be read, or has no pictures.
        """
        folder = existing(folder, "a folder of pictures")
        try:
            paths = sorted(path for path in folder.iterdir() if is_picture(path))
        except OSError as error:
            raise EdgeemoError(f"{folder} cannot be read ({error.strerror})") from error
        if not paths:
            raise EdgeemoError(
                f"{folder} has no pictures",
                expected="files ending in " + " ".join(SUFFIXES),
                mend="name another folder",
            )
        return cls(paths, warn=warn)

    @property
    def status(self) -> Status:
        """Being read."""
        return READING

    def __enter__(self) -> PictureSource:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            if self._stopping:
                return
            try:
                image = to_rgb(read_picture(path))
            except EdgeemoError as error:
                if len(self._paths) == 1:
                    raise
                self.skipped += 1
                self._warn(error.message)
                continue
            yield Frame(index, None, image, str(path))
        if self.skipped == len(self._paths):
            raise EdgeemoError(f"none of the {self.skipped:,} pictures can be read", mend="name another folder")

    def stop(self) -> None:
        """End after the picture in hand."""
        self._stopping = True
