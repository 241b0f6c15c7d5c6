"""Plots and tables of two models under corruption, and the folder that holds them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from ...edge.common.files import write_json, write_text
from ...edge.common.plotting import figure, save_figure
from ...train.datasets.corruption import KINDS, SEVERITIES, corrupted
from ...train.datasets.dataset import Dataset
from .robustness import CLEAN, CONDITIONS, Robustness

_COLORS = {"reference": "#5b7899", "candidate": "#c4512d"}


def plot_robustness(found: Robustness, path: str | Path, *, reference: str, candidate: str, title: str) -> None:
    """Plot the accuracy of both models by severity, one panel for each kind, and their difference in the last.

    Args:
        found: what was measured.
        path: of the image.
        reference, candidate: names for the legend.
        title: of the plot.
    """
    drawing = figure(13, 6.5)
    *panels, last = drawing.subplots(2, 4, sharex=True).ravel()
    severities = (0, *SEVERITIES)
    top = 100 * max(max(item.reference.value, item.candidate.value) for item in found.conditions)
    for axes, kind in zip(panels, KINDS, strict=True):
        items = (found.clean, *found.of(kind))
        for who, name, style in (("reference", reference, "o-"), ("candidate", candidate, "s--")):
            accuracies = [getattr(item, who) for item in items]
            values = np.array([100 * accuracy.value for accuracy in accuracies])
            low, high = (100 * np.array([accuracy.interval for accuracy in accuracies])).T
            axes.fill_between(severities, low, high, color=_COLORS[who], alpha=0.15, linewidth=0)
            axes.plot(severities, values, style, color=_COLORS[who], label=name, markersize=4)
        axes.set_title(kind)
        axes.set_ylim(0, 1.1 * top)
        axes.grid(alpha=0.3)
    for axes in drawing.axes[:5:4]:
        axes.set_ylabel("accuracy (%)")
    for place, kind in enumerate(KINDS):
        points = [item.change.difference for item in (found.clean, *found.of(kind))]
        last.plot(severities, points, ".-", color=f"C{place}", label=kind, linewidth=1)
    last.axhline(0, color="#999", linestyle=":")
    last.set_title(f"{candidate} minus {reference}, points", fontsize=9)
    last.grid(alpha=0.3)
    # Room for the legend under the lines.
    low, high = last.get_ylim()
    last.set_ylim(low - 0.45 * (high - low), high)
    last.legend(fontsize=7, ncols=2, loc="lower center")
    for axes in drawing.axes[4:]:
        axes.set_xlabel("severity (0: as it is)")
    handles, names = panels[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=2)
    drawing.suptitle(f"{title} (bands: 95 % CI)")
    save_figure(drawing, path)


def plot_severities(dataset: Dataset, path: str | Path) -> None:
    """Plot the corruptions of the first image of a data set, kind by kind."""
    one = dataset.take([0])
    columns = len(SEVERITIES) + 1
    drawing = figure(1.3 * columns, 1.45 * len(KINDS) + 0.4)
    grid = drawing.subplots(len(KINDS), columns)
    for axes in grid.ravel():
        axes.set_xticks([])
        axes.set_yticks([])
    for row, kind in zip(grid, KINDS, strict=True):
        row[0].set_ylabel(kind, fontsize=9)
        for severity, axes in enumerate(row):
            image = (corrupted(one, kind, severity) if severity else one).images[0]
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    for severity, axes in enumerate(grid[0]):
        axes.set_title(f"severity {severity}" if severity else CLEAN, fontsize=9)
    drawing.suptitle(f"{len(CONDITIONS) - 1} corruptions of one image")
    save_figure(drawing, path)


def write_robustness(
    found: Robustness, dataset: Dataset, folder: Path, *, reference: str, candidate: str, title: str
) -> None:
    """Write ``corruptions.json``, ``corruptions.csv``, ``corruptions.png`` and ``severities.png``.

    Args:
        found: what was measured.
        dataset: on which images.
        folder: where; it exists.
        reference, candidate, title: words for the plot.
    """
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(found.rows())
    write_text(folder / "corruptions.csv", table.getvalue())
    names = {"reference": reference, "candidate": candidate}
    write_json(folder / "corruptions.json", {**names, "data": title, **found.to_dict()})
    plot_robustness(found, folder / "corruptions.png", **names, title=f"Accuracy under corruption: {title}")
    plot_severities(dataset, folder / "severities.png")
