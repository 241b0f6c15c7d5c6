"""``edgeemo validate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...edge.commands.options import runtime_option
from ...edge.common.errors import DataError, GateError, OptionError
from ...edge.common.files import new_file, new_folder, write_json
from ...train.datasets.options import data_choice, evaluation_data, report_left_out
from ...train.datasets.selection import Choice

if TYPE_CHECKING:
    from ...train.datasets.dataset import Dataset
    from ...train.evaluation.predictor import Predictor
    from ..validation.robustness import Robustness


@click.command("validate")
@click.argument("reference")
@click.argument("candidate")
@evaluation_data()
@data_choice()
@click.option("--max-drop", default=1.0, show_default=True, help="Accuracy that may be lost, percentage points.")
@click.option(
    "--max-class-drop",
    type=float,
    metavar="POINTS",
    help="Recall that any class may lose, percentage points, at its own upper bound.  [default: not held]",
)
@runtime_option()
@click.option("--out", metavar="FILE", help="Write the report as JSON.")
@click.option(
    "--corruptions",
    metavar="DIR",
    help="Measure both on dark, bright, blurred, noisy, ... images too; new folder for table, JSON and plots.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Write the test figures into CANDIDATE's card, and the report to REFERENCE/drift if that is a run.",
)
@click.option("--force", is_flag=True, help="Overwrite the report and recorded figures.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    reference: str,
    candidate: str,
    data: str,
    split: str,
    limit: int | None,
    skip_bad: bool,
    choice: Choice,
    max_drop: float,
    max_class_drop: float | None,
    runtime: str,
    out: str | None,
    corruptions: str | None,
    record: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Prove that CANDIDATE kept the accuracy of REFERENCE on the same images.

    Both are run folders or .tflite files. The gate passes when even the upper 95 % bound of the loss is within
    --max-drop, and that of every class within --max-class-drop if that is given; otherwise the exit code is 3.

    With --corruptions both are measured again under seven corruptions of five severities, 35 times the images: try it
    with --limit. No limit is held there.

    Example: edgeemo validate runs/cnn3 runs/cnn3/fer-cnn3-int8.tflite --data archive.zip --max-drop 1.0
    """
    from ...edge.commands.typed import typed_command
    from ...train.datasets.registry import read_evaluation_set
    from ...train.datasets.splits import holdout_of
    from ...train.evaluation.card_figures import Record, check_recordable, place, runtime_of
    from ...train.evaluation.predictor import open_predictor, predict_dataset
    from ..validation import compare_accuracy
    from ..validation.card_figures import CORRUPTED, Measurement
    from ..validation.gate import Gate
    from ..validation.plots import write_robustness

    for option, limit_of in (("--max-drop", max_drop), ("--max-class-drop", max_class_drop)):
        if limit_of is not None and limit_of < 0:
            raise OptionError(f"{option} must not be negative: give the points that may be lost, as 1.0")
    reports = [new_file(out, force=force)] if out else []
    names = ("test", "drift", CORRUPTED) if corruptions else ("test", "drift")
    book = Record(candidate, names, force=force) if record else None
    if record and Path(reference).is_dir():
        kept = Path(reference) / "drift" / f"{Path(candidate).stem}.json"
        reports.append(new_file(kept, force=force))
    first, second = open_predictor(reference, runtime=runtime), open_predictor(candidate, runtime=runtime)
    if first.card.labels != second.card.labels:
        raise DataError(
            "the two models cannot be compared",
            expected=f"labels {', '.join(first.card.labels)} in both",
            got=", ".join(second.card.labels),
        )
    holdout = holdout_of([first.card, second.card])
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice, holdout=holdout)
    if book:
        check_recordable(dataset)
    folder = new_folder(corruptions, force=force) if corruptions else None
    report_left_out(dataset)
    targets, expected = predict_dataset(first, dataset)
    report = compare_accuracy(targets, expected, predict_dataset(second, dataset)[1], first.card.labels)
    verdict = Gate(max_drop, max_class_drop).check(report)
    result: dict[str, Any] = {
        "reference": reference,
        "candidate": candidate,
        **place(dataset, split),
        **verdict.to_dict(),
        "drift": report.to_dict(),
    }
    hardened = _measure_corruptions(first, second, dataset) if folder else None
    if folder and hardened:
        result["corruptions"] = hardened.to_dict()
        both = {"reference": first.card.name, "candidate": Path(candidate).stem}
        write_robustness(hardened, dataset, folder, title=f"{dataset.name}, {split}, n = {len(dataset):,}", **both)
    for target in reports:
        write_json(target, result)
    if book:
        measured = Measurement(first.card, second.card, dataset, split, runtime_of(second), typed_command(ctx))
        book.write(measured.figures(report, verdict, hardened))
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo(f"{report.table()}\n")
        if hardened:
            click.echo(f"{hardened.table()}\n")
        if book:
            click.echo(f"recorded in the card of {candidate}")
    if not verdict.passed:
        raise GateError(
            f"gate failed: {verdict.text}", hint="train quantization-aware, calibrate on more faces, or measure more"
        )
    if not as_json:
        click.echo(f"gate passed: {verdict.text}")


def _measure_corruptions(first: Predictor, second: Predictor, dataset: Dataset) -> Robustness:
    from ..validation.robustness import CONDITIONS, Condition, robustness

    if not sys.stderr.isatty():

        def line(item: Condition) -> None:
            both = f"reference {item.reference.value:.2%}, candidate {item.candidate.value:.2%}"
            click.echo(f"{item.kind} {item.severity}: {both}", err=True)

        return robustness(first, second, dataset, tell=line)
    with click.progressbar(length=len(CONDITIONS), label="corruptions", file=sys.stderr) as bar:
        return robustness(first, second, dataset, tell=lambda item: bar.update(1))
