"""A data-set format for edgeemo: a text file, one image a line, such as ``learn happy 200`` for a light gray one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeemo.train.datasets.formats import Bad, Entry, Format


class ToyFormat(Format):
    name = "toy"
    files = "a .toy file"
    splits = {"learn": "train", "exam": "test"}

    def accepts(self, path: Path) -> bool:
        return path.suffix == ".toy" and path.is_file()

    def entries(self, path: Path) -> Iterator[Entry | Bad]:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            split, label, gray = line.split()
            if gray.isdecimal() and int(gray) < 256:
                yield Entry(f"line {number}", label, split, lambda gray=gray: np.full((48, 48), int(gray), np.uint8))
            else:
                yield Bad(f"line {number}", f"line {number} has the gray level {gray}, expected 0 to 255")
