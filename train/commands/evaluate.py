"""``edgeemo evaluate``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from ...edge.commands.options import runtime_option
from ...edge.common.files import new_folder
from ...edge.common.proportion import Accuracy
from ..datasets.dataset import Dataset
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, evaluation_data, report_left_out
from ..datasets.selection import Choice


@click.command("evaluate")
@click.argument("model")
@evaluation_data()
@data_choice(modes=(Mode.MAJORITY,))
@runtime_option()
@click.option("--threads", default=1, show_default=True, help="For a .tflite.")
@click.option("--out", metavar="DIR", help="New folder for metrics.json, the plots and report.html.")
@click.option("--record", is_flag=True, help="Write the test figures into the card of MODEL, a .tflite.")
@click.option("--force", is_flag=True, help="Write into an existing folder, and over recorded figures.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    model: str,
    data: str,
    split: str,
    limit: int | None,
    skip_bad: bool,
    choice: Choice,
    runtime: str,
    threads: int,
    out: str | None,
    record: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Measure the accuracy of a model on a data set.

    MODEL is a run folder or a .tflite; both go through the same code. For a source without a test split, --split test
    is the role that the model's training left out, as its card tells. The base install measures the accuracy alone.

    --record keeps the figures in the card as "test", or as "FER+ majority test" where FER+'s votes are the labels.

    Example: edgeemo evaluate runs/cnn3 --data archive.zip --split test --out runs/cnn3/test
    """
    from ...edge.commands.typed import typed_command
    from ..datasets.registry import read_evaluation_set
    from ..datasets.splits import holdout_of
    from ..evaluation.card_figures import Record, check_recordable, runtime_of
    from ..evaluation.predictor import open_predictor, predict_dataset

    short = out is None and not record and importlib.util.find_spec("sklearn") is None
    if not short:
        # What is missing is reported before minutes of measuring.
        from ..evaluation.report import Report

    name = f"FER+ {choice.ferplus_mode} test" if choice.ferplus else "test"
    book = Record(model, (name,), force=force) if record else None
    predictor = open_predictor(model, runtime=runtime, threads=threads)
    history = _history(Path(model)) if out else ()
    holdout = holdout_of([predictor.card])
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice, holdout=holdout)
    if book:
        check_recordable(dataset)
    folder = new_folder(out, force=force) if out else None
    _, probabilities = predict_dataset(predictor, dataset)
    if short:
        _tell_accuracy(model, dataset, split, probabilities, as_json)
        return
    report = Report.of(model, predictor.card, dataset, probabilities, split=split, history=history)
    if folder:
        report.write(folder)
    if book:
        book.write({name: report.figure(runtime=runtime_of(predictor), command=typed_command(ctx))})
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
        return
    report_left_out(dataset)
    click.echo(str(report))
    if book:
        click.echo(f"\nrecorded in the card of {model}")


def _tell_accuracy(model: str, dataset: Dataset, split: str, probabilities: np.ndarray, as_json: bool) -> None:
    """What needs no more than the base install, on a device for example."""
    figure = Accuracy.of(dataset.targets, probabilities)
    if as_json:
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
