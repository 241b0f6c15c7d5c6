"""Frames of image files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..common.errors import DataError, EdgeemoError, FileError
from ..common.files import existing
from ..vision.image import SUFFIXES, is_image, read_image
from ..vision.opencv import to_rgb
from .base import Frame, RecordedSource, Source, SourceContext, SourceKind, Warn, warn_on_stderr


class ImageSource(RecordedSource):
    """Source of image files in the order given. One that cannot be read is reported, counted and skipped.

    Args:
        paths: image files, at least one.
        warn: takes the sentence about an image that cannot be read.

    Raises:
        EdgeemoError: in the pass over it: none of the images can be read.
    """

    def __init__(self, paths: Sequence[Path], *, warn: Warn = warn_on_stderr) -> None:
        super().__init__()
        self._paths = paths
        self._warn = warn

    @classmethod
    def of_folder(cls, folder: str | Path, *, warn: Warn = warn_on_stderr) -> ImageSource:
        """Return the source of the images in a folder, not below it, sorted by name.

        Raises:
            EdgeemoError: it is not there, cannot be read, or has no images.
        """
        folder = existing(folder, "a folder of images")
        try:
            paths = sorted(path for path in folder.iterdir() if is_image(path))
        except OSError as error:
            raise FileError(f"{folder} cannot be read ({error.strerror})") from error
        if not paths:
            raise DataError(
                f"{folder} has no images",
                expected="files ending in " + " ".join(SUFFIXES),
                hint="name another folder",
            )
        return cls(paths, warn=warn)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            if self.stopping:
                return
            try:
                image = to_rgb(read_image(path))
            except EdgeemoError as error:
                if len(self._paths) == 1:
                    raise
                self.skipped += 1
                self._warn(str(error))
                continue
            yield Frame(index, None, image, str(path))
        if self.skipped == len(self._paths):
            raise DataError(f"none of the {self.skipped:,} images can be read", hint="name another folder")


def _open(text: str, context: SourceContext) -> Source:
    if os.path.isdir(text):
        return ImageSource.of_folder(text, warn=context.warn)
    return ImageSource([Path(text)], warn=context.warn)


SOURCE = SourceKind(
    form="DIR, FILE",
    help="a folder of images, or an image",
    accepts=lambda text: os.path.isdir(text) or (os.path.isfile(text) and is_image(text)),
    open=_open,
    priority=2,
)
