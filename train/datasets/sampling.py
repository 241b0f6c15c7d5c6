"""Draws that keep together what belongs together: the images of one person, and the copies of one image."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ...edge.common.errors import DataError
from .dataset import Dataset


def draw(dataset: Dataset, share: float, seed: int, *stream: int) -> list[int]:
    """Draw the positions of a share of the images, fair to the classes.

    Where no people are known, at least one image of every class is drawn, and every class comes as near to its share
    as its copies allow. Where people are known, whole people are drawn, until no further one brings the classes nearer
    to their shares; at least one is.

    Args:
        dataset: to draw from.
        share: fraction of the images.
        seed: of the draw.
        stream: further numbers, for a draw that is to differ from others by the same seed.
    """
    if any(sample.group for sample in dataset.samples):
        return _draw_people(dataset, share, [seed, *stream])
    return _draw_images(dataset, share, seed, stream)


def fold_numbers(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """Return which of k equal parts every image belongs to, int64 (n,); fair to the classes, nobody in two parts.

    Args:
        dataset: to divide.
        folds: number of parts.
        seed: of the draw.

    Raises:
        DataError: fewer than two folds, or more than there are people or different images.
    """
    units = _units(dataset)
    if not 2 <= folds <= len(units):
        raise DataError(
            "number of folds out of range",
            expected=f"2 to {len(units)}, the number of people or different images in {dataset.name}",
            got=str(folds),
        )
    table = _class_table(dataset, units)
    weights = 1 / np.maximum(table.sum(axis=0), 1)
    dealt, sizes = np.zeros((folds, table.shape[1])), np.zeros(folds)
    numbers = np.empty(len(dataset), np.int64)
    for unit in np.random.default_rng([seed, folds]).permutation(len(units)):
        # To the fold that has least of what this unit brings; among equals to the smallest.
        fold = np.lexsort((sizes, (dealt * weights) @ table[unit]))[0]
        dealt[fold] += table[unit]
        sizes[fold] += table[unit].sum()
        numbers[units[unit]] = fold
    return numbers


def _units(dataset: Dataset) -> list[list[int]]:
    """Positions that must stay together, in an order that does not depend on that of the files.

    Images are joined by person and by pixels, also through each other: an image that stands under two people joins
    the two.
    """
    parents = list(range(len(dataset)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, sample in enumerate(dataset.samples):
        for key in (("pixels", sample.digest), ("person", sample.group)):
            if key[1]:
                parents[root(index)] = root(first.setdefault(key, index))
    members: dict[int, list[int]] = defaultdict(list)
    for index in range(len(dataset)):
        members[root(index)].append(index)
    return sorted(members.values(), key=lambda unit: min(dataset.samples[index].digest for index in unit))


def _class_table(dataset: Dataset, units: list[list[int]]) -> np.ndarray:
    """Images of each class in each unit, float64 (units, classes)."""
    table = np.zeros((len(units), len(dataset.labels)))
    for row, unit in enumerate(units):
        for index in unit:
            table[row, dataset.samples[index].label] += 1
    return table


def _draw_people(dataset: Dataset, share: float, words: list[int]) -> list[int]:
    units = _units(dataset)
    table = _class_table(dataset, units)
    totals = table.sum(axis=0)
    weights = 1 / np.maximum(totals, 1)
    missing = share * totals
    chosen: list[int] = []
    order = np.random.default_rng(words).permutation(len(units)).tolist()
    for unit in order:
        if (np.abs(missing - table[unit]) * weights).sum() < (np.abs(missing) * weights).sum() - 1e-9:
            missing = missing - table[unit]
            chosen.append(unit)
    return [index for unit in chosen or order[:1] for index in units[unit]]


def _draw_images(dataset: Dataset, share: float, seed: int, stream: tuple[int, ...]) -> list[int]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(dataset.samples):
        groups[sample.digest].append(index)
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for members in groups.values():
        # Copies with conflicting labels go with the first label: what matters is that they are not separated.
        by_class[dataset.samples[members[0]].label].append(members)
    chosen: list[int] = []
    for label in sorted(by_class):
        # Sorted by digest, so that the draw does not depend on the order in which files were found.
        pool = sorted(by_class[label], key=lambda members: dataset.samples[members[0]].digest)
        target, taken = max(1, round(share * sum(map(len, pool)))), 0
        for position in np.random.default_rng([seed, label, *stream]).permutation(len(pool)):
            if taken >= target:
                break
            chosen += pool[position]
            taken += len(pool[position])
    return chosen
