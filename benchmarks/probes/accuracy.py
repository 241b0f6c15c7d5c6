"""Top-1 accuracy, measured in the very process whose latency was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.proportion import Accuracy
from ..measure.loading import LoadedCase
from ..record import BenchmarkRecord, DataAccuracy
from ..report.units import ABSENT
from .probe import BenchmarkRun, Column, Probe, Records


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    return [
        {"accuracy": _accuracy(one, run.folder, partial(run.progress, f"accuracy of {one.case.name}"))}
        for one in run.cases
    ]


def _accuracy(one: LoadedCase, folder: Path, progress: Callable[[int, int], None]) -> DataAccuracy | None:
    case = one.case
    if case.data is None or case.card is None:
        return None
    total = len(case.data)
    pixels, out = folder / "pixels.npy", folder / "probabilities.npy"
    np.save(pixels, case.data.pixels(case.card.input))
    one.process.ask("predict", pixels=str(pixels), out=str(out), progress=lambda done: progress(done, total))
    figure = Accuracy.of(case.data.targets, np.load(out))
    splits = "+".join(sorted({sample.split for sample in case.data.samples}))
    return DataAccuracy(figure.correct, figure.n, case.data.name, splits, case.data.content_hash)


def _cell(record: BenchmarkRecord) -> str:
    if record.accuracy is None:
        return ABSENT
    figure = record.accuracy.figure
    low, high = figure.interval
    return f"{figure.value:.1%} [{100 * low:.1f}, {100 * high:.1f}]"


def _notes(records: Records) -> Iterable[str]:
    for record in records:
        if found := record.accuracy:
            yield f"accuracy: {found.dataset}, split {found.split}, n = {found.n:,}, 95 % confidence interval"


PROBE = Probe(measure=_measure, columns=(Column("accuracy", _cell),), notes=_notes, timed=False)
