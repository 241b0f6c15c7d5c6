"""Splits to calibrate on and to compare on: always from the training split, never from the test split."""

from __future__ import annotations

from dataclasses import replace

from ..edge.common.errors import DataError
from ..train.datasets.registry import read_dataset
from ..train.datasets.splits import TrainingData, holdout_of, training_data
from ..train.fit.run import Run
from .float_model import RUN, FloatModel

#: Share of the training split on which a model without a run is compared with its int8 form.
VALIDATION = 0.1


def run_splits(run: Run, source: str | None = None) -> TrainingData:
    """Read the splits that a run was trained with.

    Args:
        run: a finished run.
        source: where the data set lies now, if it has moved.

    Raises:
        DataError: the images are not those with which the run was trained.
    """
    settings = run.settings if source is None else replace(run.settings, data=source)
    data = settings.training_data(run.recipe)
    expected, got = run.card.provenance.split_hashes.get("train", ""), data.hashes["train"]
    if expected != got:
        raise DataError(
            f"{settings.data} is not the data with which {run.folder} was trained",
            expected=f"content hash {expected[:16]}",
            got=got[:16],
            hint="give the original data with --data",
        )
    return data


def model_splits(source: FloatModel, data: str | None) -> TrainingData | None:
    """Return the splits for a model: those of its run, or new ones drawn from a data set's training split.

    Args:
        source: the model.
        data: where the data set lies; a run knows by itself. None without one.

    Raises:
        EdgeemoError: the data set cannot be read, has other classes, or is not that of the run.
    """
    if source.kind == RUN:
        return run_splits(Run.open(source.path), data)
    if data is None:
        return None
    dataset, holdout = read_dataset(data), holdout_of([source.card])
    if holdout and holdout.needed_by(dataset):
        dataset = holdout.carve(dataset)
    return training_data(dataset.relabeled(source.card.labels), validation=VALIDATION, seed=source.seed)
