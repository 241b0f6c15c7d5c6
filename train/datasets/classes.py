"""Classes of a source to use, their order and their names: ``happy,sad`` or ``joy=happy,sad``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...edge.common.errors import DataError, OptionError
from .dataset import Dataset, class_counts
from .labels import canonical_name

_EXPECTED = "names with commas between them, as happy,sad or joy=happy,low=sad+fear"


@dataclass(frozen=True)
class ClassChoice:
    """One class of the result.

    Args:
        name: its label.
        sources: classes of the source that go into it.
    """

    name: str
    sources: tuple[str, ...]


def parse_classes(text: str) -> tuple[ClassChoice, ...]:
    """Read ``happy,sad`` (a subset), ``joy=happy,sad`` (renamed) or ``negative=sad+fear,happy`` (joined).

    Args:
        text: classes in the order of the labels to be; synonyms of the emotions are understood.

    Raises:
        OptionError: an empty name, or a name or a source that comes twice.
    """
    choices = []
    for item in text.split(","):
        name, renamed, sources = item.partition("=")
        parts = tuple(canonical_name(part) for part in (sources if renamed else name).split("+"))
        label = name.strip().lower() if renamed else "+".join(parts)
        if not label or not all(parts):
            raise OptionError("the classes cannot be read", expected=_EXPECTED, got=repr(text))
        choices.append(ClassChoice(label, parts))
    for names in ([choice.name for choice in choices], [part for choice in choices for part in choice.sources]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise OptionError(f"class {twice[0]!r} is chosen twice", expected=_EXPECTED, got=repr(text))
    return tuple(choices)


def choose_classes(dataset: Dataset, choices: tuple[ClassChoice, ...]) -> Dataset:
    """Return the images of the chosen classes, labeled in their order and by their names.

    Soft targets lose what belongs to other classes and are brought back to a sum of 1; where nothing is left, the hard
    label stands alone.

    Args:
        dataset: any.
        choices: from :func:`parse_classes`.

    Raises:
        DataError: a class has no images here; the message names those that have.
    """
    counts = dict(zip(dataset.labels, class_counts(dataset).tolist(), strict=True))
    known = [name for name, count in counts.items() if count]
    if missing := [part for choice in choices for part in choice.sources if not counts.get(part)]:
        raise DataError(f"{dataset.name} has no images of class {missing[0]!r}", expected="one of " + ", ".join(known))
    position = {part: index for index, choice in enumerate(choices) for part in choice.sources}
    kept = dataset.where(lambda sample: dataset.labels[sample.label] in position)
    samples = tuple(replace(s, label=position[dataset.labels[s.label]]) for s in kept.samples)
    soft = None
    if kept.soft is not None:
        columns = [kept.soft[:, [dataset.labels.index(part) for part in choice.sources]] for choice in choices]
        soft = np.stack([column.sum(axis=1) for column in columns], axis=1)
        empty = soft.sum(axis=1) <= 0
        soft[empty, np.array([sample.label for sample in samples], np.int64)[empty]] = 1
        soft /= soft.sum(axis=1, keepdims=True)
    return replace(kept, labels=tuple(choice.name for choice in choices), samples=samples, soft=soft)
