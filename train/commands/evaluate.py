"""``edgeemo evaluate``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...edge.commands.options import force_option, json_option, out_option, runtime_option
from ...edge.common.files import new_folder
from ...edge.common.proportion import Accuracy
from ..datasets.dataset import Dataset
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, evaluation_data, report_left_out
from ..datasets.selection import Choice


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of the command; see their help."""

    model: str
    data: str
    split: str
    limit: int | None
    skip_bad: bool
    choice: Choice
    runtime: str
    threads: int
    out: str | None
    record: bool
    force: bool
    as_json: bool

    @property
    def figure_name(self) -> str:
        """Name of the figures in the card."""
        return f"FER+ {self.choice.ferplus_mode} test" if self.choice.ferplus else "test"


@click.command("evaluate")
@click.argument("model")
@evaluation_data()
@data_choice(modes=(Mode.MAJORITY,))
@runtime_option()
@click.option("--threads", default=1, show_default=True, help="Threads of a .tflite.")
@out_option("New folder for metrics.json, the plots and report.html.", metavar="DIR")
@click.option("--record", is_flag=True, help="Write the test figures into the card of MODEL, a .tflite.")
@force_option("Write into an existing folder, and over recorded figures.")
@json_option()
@click.pass_context
def command(ctx: click.Context, **values: Any) -> None:
    """Measure the accuracy of a model on a data set.

    MODEL is a run folder or a .tflite; both go through the same code. For a source without a test split, --split test
    is what the model's training left out, according to its card. The base install measures the accuracy alone.

    --record keeps the figures in the card as "test", or as "FER+ majority test" where FER+'s votes are the labels.

    Example: edgeemo evaluate runs/cnn3 --data archive.zip --split test --out runs/cnn3/test
    """
    options = EvaluateOptions(**values)
    from ...edge.commands.typed import typed_command
    from ..datasets.registry import read_evaluation_set
    from ..datasets.splits import holdout_of
    from ..evaluation.card_figures import CardRecord, check_recordable, runtime_of
    from ..evaluation.predictor import open_predictor, predict_dataset

    short = options.out is None and not options.record and importlib.util.find_spec("sklearn") is None
    if not short:
        # What is missing is reported before minutes of measuring.
        from ..evaluation.report import Report

    record = CardRecord(options.model, (options.figure_name,), force=options.force) if options.record else None
    predictor = open_predictor(options.model, runtime=options.runtime, threads=options.threads)
    history = _history(Path(options.model)) if options.out else ()
    dataset = read_evaluation_set(
        options.data,
        options.split,
        limit=options.limit,
        skip_bad=options.skip_bad,
        choice=options.choice,
        holdout=holdout_of([predictor.card]),
    )
    if record:
        check_recordable(dataset)
    folder = new_folder(options.out, force=options.force) if options.out else None
    _, probabilities = predict_dataset(predictor, dataset)
    if short:
        _print_accuracy(options, dataset, probabilities)
        return
    report = Report.of(options.model, predictor.card, dataset, probabilities, split=options.split, history=history)
    if folder:
        report.write(folder)
    if record:
        figures = report.figure(runtime=runtime_of(predictor), command=typed_command(ctx))
        record.write({options.figure_name: figures})
    if options.as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
        return
    report_left_out(dataset)
    click.echo(str(report))
    if record:
        click.echo(f"\nrecorded in the card of {options.model}")


def _print_accuracy(options: EvaluateOptions, dataset: Dataset, probabilities: np.ndarray) -> None:
    """Print what needs no more than the base install, on a device for example."""
    figure = Accuracy.of(dataset.targets, probabilities)
    model, split = options.model, options.split
    if options.as_json:
        facts = {"model": model, "data": dataset.name, "split": split, "content_hash": dataset.content_hash}
        click.echo(json.dumps({**facts, **figure.to_dict()}, indent=2))
        return
    report_left_out(dataset)
    click.echo(f"{model} on {dataset.name}, split {split}\n\naccuracy {figure} (95 % CI)")
    click.echo("for figures by class: pip install 'edgeemo[evaluate]'", err=True)


def _history(model: Path) -> Sequence[dict[str, float]]:
    """Epochs of a run; none of a .tflite, which a device measures without what runs need."""
    if not model.is_dir():
        return ()
    from ..fit.run import Run

    return Run.open(model).history
