"""Data-set formats by name, and opening a data set whatever its format."""

from __future__ import annotations

from pathlib import Path

from ...edge.common.errors import DataError
from ...edge.common.files import existing
from ...edge.common.registry import Registry
from .dataset import Dataset
from .formats import Format
from .selection import Choice
from .splits import Holdout, stratified

_HERE = "edgeemo.train.datasets.formats"
FORMATS: Registry[type[Format]] = Registry(
    kind="data-set format",
    group="edgeemo.formats",
    builtin={
        "synthetic": f"{_HERE}.synthetic:Synthetic",
        "pack": f"{_HERE}.pack:PackFormat",
        "fer2013-csv": f"{_HERE}.fer2013_csv:Fer2013Csv",
        "kdef": f"{_HERE}.kdef:Kdef",
        "folders": f"{_HERE}.folders:Folders",
    },
)
#: It takes every folder and every zip: those of other packages are asked before it.
_LAST = "folders"
_ALL = Choice()


def read_dataset(source: str | Path, *, skip_bad: bool = False) -> Dataset:
    """Read a data set in the first format that accepts it.

    Args:
        source: a folder (``train/<class>/*``, ``test/<class>/*`` or ``<class>/*``), a zip of such a folder, FER-2013's
            fer2013.csv (plain, in a folder or in a zip), KDEF (folder or zip, known by its file names), a pack
            (:mod:`edgeemo.train.datasets.formats.pack`), ``synthetic`` for synthetic faces
            (``synthetic:train=4000,test=1000,size=48,seed=0``), or what another package's format accepts.
        skip_bad: leave out broken images and rows instead of refusing the data set.

    Returns:
        The data set; what was left out is in ``bad``.

    Raises:
        FileError: nothing is there.
        DataError: nothing in it, cut, broken, or in no known format.
    """
    path = Path(source)
    formats = [FORMATS.load(name)() for name in sorted(FORMATS.names(), key=lambda name: name == _LAST)]
    for each in formats:
        if each.accepts(path):
            return each.read(path, skip_bad=skip_bad)
    existing(source, "a data set (folder, zip or fer2013.csv)")
    raise DataError(
        f"{path} is not a data set",
        expected=", ".join(each.files for each in formats),
        got=f"a {path.suffix or 'plain'} file",
    )


def read_evaluation_set(
    source: str | Path,
    split: str,
    *,
    limit: int | None = None,
    skip_bad: bool = False,
    choice: Choice = _ALL,
    holdout: Holdout | None = None,
) -> Dataset:
    """Read one split of a data set, to be measured on.

    Args:
        source: see :func:`read_dataset`.
        split: name of a split, or of a part by the source's own name.
        limit: largest number of images, drawn stratified by class with a fixed seed.
        skip_bad: see :func:`read_dataset`.
        choice: classes, angles and labels to use.
        holdout: how the model's training left a test split out of a source that has none; not used for ``all``.

    Raises:
        EdgeemoError: see :func:`read_dataset`; or the split is empty.
    """
    dataset = read_dataset(source, skip_bad=skip_bad)
    if holdout and holdout.needed_by(dataset) and split != "all":
        dataset = holdout.carve(dataset)
    chosen = choice.apply(dataset).split(split)
    return stratified(chosen, limit) if limit else chosen
