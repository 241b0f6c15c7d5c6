"""``edgeemo validate``."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click
from click.core import ParameterSource

from ...edge.errors import EdgeemoError, GateFailed
from ...edge.files import new_file, write_json
from ...train.datasets.choice import Choice
from ...train.datasets.options import data_choice, evaluation_data, tell_left_out

#: Options that say where results go; they change none.
_OUTPUTS = ("out", "force", "as_json", "record")


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
@click.option("--runtime", default="auto", show_default=True, help="ai-edge-litert, tflite-runtime or tf.lite.")
@click.option("--out", metavar="FILE", help="Write the report as JSON.")
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
    record: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Prove that CANDIDATE kept the accuracy of REFERENCE on the same pictures.

    Both are run folders or .tflite files. The gate passes when even the upper 95 % bound of the loss is within
    --max-drop, and that of every class within --max-class-drop if that is given; otherwise the exit code is 3.

    Example: edgeemo validate runs/cnn3 runs/cnn3/fer-cnn3-int8.tflite --data archive.zip --max-drop 1.0
    """
    from ...train.datasets.reader import read_evaluation_set
    from ...train.datasets.splits import holdout_of
    from ...train.predictor import open_predictor, predict_dataset
    from ..drift import drift
    from ..drift.gate import Gate
    from ..drift.record import Measurement, Record, check_recordable, runtime_of

    for option, limit_of in (("--max-drop", max_drop), ("--max-class-drop", max_class_drop)):
        if limit_of is not None and limit_of < 0:
            raise click.UsageError(f"{option} must not be negative: give the points that may be lost, as 1.0")
    reports = [new_file(out, force=force)] if out else []
    book = Record(candidate, force=force) if record else None
    if record and Path(reference).is_dir():
        kept = Path(reference) / "drift" / f"{Path(candidate).stem}.json"
        reports.append(new_file(kept, force=force))
    first, second = open_predictor(reference, runtime=runtime), open_predictor(candidate, runtime=runtime)
    if first.card.labels != second.card.labels:
        raise EdgeemoError(
            "the two models cannot be compared",
            expected=f"labels {', '.join(first.card.labels)} in both",
            got=", ".join(second.card.labels),
        )
    holdout = holdout_of([first.card, second.card])
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice, holdout=holdout)
    if book:
        check_recordable(dataset)
    tell_left_out(dataset)
    targets, expected = predict_dataset(first, dataset)
    report = drift(targets, expected, predict_dataset(second, dataset)[1], first.card.labels)
    verdict = Gate(max_drop, max_class_drop).judge(report)
    result = {
        "reference": reference,
        "candidate": candidate,
        "data": dataset.name,
        "split": split,
        "content_hash": dataset.content_hash,
        **verdict.to_dict(),
        "drift": report.to_dict(),
    }
    for target in reports:
        write_json(target, result)
    if book:
        again = _command_line(ctx)
        measured = Measurement(first.card, second.card, dataset, split, runtime_of(second), again)
        book.write(measured.figures(report, verdict))
    click.echo(json.dumps(result, indent=2) if as_json else f"{report.table()}\n")
    if book and not as_json:
        click.echo(f"recorded in the card of {candidate}")
    if not verdict.passed:
        raise GateFailed(
            f"gate failed: {verdict.text}", mend="train quantization-aware, calibrate on more faces, or measure more"
        )
    if not as_json:
        click.echo(f"gate passed: {verdict.text}")


def _command_line(ctx: click.Context) -> str:
    """The call as it was typed, without where its results went.

    It travels with the model, so of absolute paths only the last part is kept: whose folders they are is nobody's
    business, and the content hash tells the data.
    """
    words = ["edgeemo", "validate"]
    for parameter in ctx.command.params:
        name = str(parameter.name)
        value = str(ctx.params.get(name))
        if name in _OUTPUTS or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Option):
            words.append(parameter.opts[0])
            if parameter.is_flag:
                continue
        words.append(os.path.basename(os.path.normpath(value)) if os.path.isabs(value) else value)
    return shlex.join(words)
