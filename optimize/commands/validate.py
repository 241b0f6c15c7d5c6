"""``edgeemo validate``."""

from __future__ import annotations

import json

import click

from ...edge.errors import EdgeemoError, GateFailed
from ...edge.files import new_file, write_json
from ...train.datasets.choice import Choice
from ...train.datasets.options import data_choice, evaluation_data, tell_left_out


@click.command("validate")
@click.argument("reference")
@click.argument("candidate")
@evaluation_data()
@data_choice()
@click.option("--max-drop", default=1.0, show_default=True, help="Accuracy that may be lost, percentage points.")
@click.option("--runtime", default="auto", show_default=True, help="ai-edge-litert, tflite-runtime or tf.lite.")
@click.option("--out", metavar="FILE", help="Write the report as JSON.")
@click.option("--force", is_flag=True, help="Overwrite the report.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    reference: str,
    candidate: str,
    data: str,
    split: str,
    limit: int | None,
    skip_bad: bool,
    choice: Choice,
    max_drop: float,
    runtime: str,
    out: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Prove that CANDIDATE kept the accuracy of REFERENCE on the same pictures.

    Both are run folders or .tflite files. The gate passes when even the upper 95 % bound of the loss is within
    --max-drop; otherwise the exit code is 3.

    Example: edgeemo validate runs/cnn3 runs/cnn3/fer-cnn3-int8.tflite --data archive.zip --max-drop 1.0
    """
    from ...train.datasets.reader import read_evaluation_set
    from ...train.datasets.splits import holdout_of
    from ...train.predictor import open_predictor, predict_dataset
    from ..drift import drift

    if max_drop < 0:
        raise click.UsageError("--max-drop must not be negative: give the points that may be lost, as 1.0")
    target = new_file(out, force=force) if out else None
    first, second = open_predictor(reference, runtime=runtime), open_predictor(candidate, runtime=runtime)
    if first.card.labels != second.card.labels:
        raise EdgeemoError(
            "the two models cannot be compared",
            expected=f"labels {', '.join(first.card.labels)} in both",
            got=", ".join(second.card.labels),
        )
    holdout = holdout_of([first.card, second.card])
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice, holdout=holdout)
    tell_left_out(dataset)
    targets, expected = predict_dataset(first, dataset)
    report = drift(targets, expected, predict_dataset(second, dataset)[1], first.card.labels)
    passed = report.passes(max_drop)
    result = {
        "reference": reference,
        "candidate": candidate,
        "data": dataset.name,
        "split": split,
        "content_hash": dataset.content_hash,
        "max_drop": max_drop,
        "passed": passed,
        "drift": report.to_dict(),
    }
    if target:
        write_json(target, result)
    click.echo(json.dumps(result, indent=2) if as_json else f"{report.table()}\n")
    verdict = f"the loss is at most {report.worst_loss:.2f} points (upper 95 % bound), allowed are {max_drop:g}"
    if not passed:
        raise GateFailed(
            f"gate failed: {verdict}", mend="train quantization-aware, calibrate on more faces, or measure more"
        )
    if not as_json:
        click.echo(f"gate passed: {verdict}")
