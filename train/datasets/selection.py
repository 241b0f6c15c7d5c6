"""Selection from a source: angles, FER+ votes and classes, chosen by the user and recorded in the run."""

from __future__ import annotations

from dataclasses import dataclass

from ...edge.common.errors import DataError, OptionError
from .classes import choose_classes, parse_classes
from .dataset import Dataset
from .ferplus import Mode, read_votes, with_votes


@dataclass(frozen=True)
class Choice:
    """A part or a view of a data set; the defaults leave it as it is.

    Args:
        classes: see :func:`classes.parse_classes`; empty for all.
        angles: angles of KDEF (``S``, ``HL``); empty for all.
        ferplus: path of FER+'s fer2013new.csv, or empty.
        ferplus_mode: a :class:`ferplus.Mode`.
    """

    classes: str = ""
    angles: tuple[str, ...] = ()
    ferplus: str = ""
    ferplus_mode: str = Mode.MAJORITY.value

    def __post_init__(self) -> None:
        # Wrong words are told before minutes of reading.
        if self.classes:
            parse_classes(self.classes)
        if self.ferplus_mode not in [mode.value for mode in Mode]:
            known = ", ".join(mode.value for mode in Mode)
            raise OptionError("unknown mode of FER+", expected=f"one of {known}", got=repr(self.ferplus_mode))

    def apply(self, dataset: Dataset) -> Dataset:
        """Return the chosen part.

        Splits are to be drawn before: then a test split is the same whichever classes or angles are looked at.

        Raises:
            EdgeemoError: an angle, a class or the votes do not fit the data set.
        """
        if self.angles:
            dataset = choose_angles(dataset, self.angles)
        if self.ferplus:
            dataset = with_votes(dataset, read_votes(self.ferplus), Mode(self.ferplus_mode))
        return choose_classes(dataset, parse_classes(self.classes)) if self.classes else dataset


def choose_angles(dataset: Dataset, angles: tuple[str, ...]) -> Dataset:
    """Return the images that were taken from these angles.

    Raises:
        DataError: there are none from one of them.
    """
    known = sorted({sample.view for sample in dataset.samples} - {""})
    if missing := [angle for angle in angles if angle not in known]:
        raise DataError(
            f"{dataset.name} has no images from angle {missing[0]!r}",
            expected=f"one of {', '.join(known)}" if known else "a data set that tells angles, as KDEF",
        )
    return dataset.where(lambda sample: sample.view in angles)
