"""The folder of a measurement under corruption."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ...edge.common.files import write_json, write_text
from ...train.datasets.dataset import Dataset
from ..validation.plots import plot_robustness, plot_severities
from ..validation.robustness import Robustness


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
