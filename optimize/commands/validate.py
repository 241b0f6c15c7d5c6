"""``edgeemo validate``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...edge.commands.options import runtime_option
from ...edge.common.errors import GateError
from ...edge.common.files import new_file, new_folder, write_json
from ...train.datasets.options import data_choice, evaluation_data, report_left_out
from ...train.datasets.selection import Choice
from .options import Output, output_options

if TYPE_CHECKING:
    from ...edge.model.card import ModelCard
    from ...train.datasets.dataset import Dataset
    from ...train.evaluation.predictor import Predictor
    from ..validation.gate import Gate
    from ..validation.robustness import Robustness
    from ..validation.validation import Validation


@dataclass(frozen=True)
class EvaluationImages:
    """Images to validate on.

    Args:
        data, split: data set and its split.
        limit: at most so many images, stratified by class.
        skip_bad: leave out broken images.
        choice: classes to use.
    """

    data: str
    split: str
    limit: int | None
    skip_bad: bool
    choice: Choice

    def read(self, cards: Sequence[ModelCard]) -> Dataset:
        """Read them, without those that a model was trained on."""
        from ...train.datasets.registry import read_evaluation_set
        from ...train.datasets.splits import holdout_of

        return read_evaluation_set(
            self.data,
            self.split,
            limit=self.limit,
            skip_bad=self.skip_bad,
            choice=self.choice,
            holdout=holdout_of(list(cards)),
        )


def _images(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a data set to the command, which gets them as ``images``."""

    @evaluation_data()
    @data_choice()
    @functools.wraps(command)
    def wrapper(*, data: str, split: str, limit: int | None, skip_bad: bool, choice: Choice, **others: Any) -> Any:
        return command(images=EvaluationImages(data, split, limit, skip_bad, choice), **others)

    return wrapper


def _gate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the limits to the command, which gets them as ``gate``."""

    @click.option("--max-drop", default=1.0, show_default=True, help="Accuracy that may be lost, percentage points.")
    @click.option(
        "--max-class-drop",
        type=float,
        metavar="POINTS",
        help="Recall that any class may lose, percentage points, at its own upper bound.  [default: no limit]",
    )
    @functools.wraps(command)
    def wrapper(*, max_drop: float, max_class_drop: float | None, **others: Any) -> Any:
        from ..validation.gate import Gate

        return command(gate=Gate(max_drop, max_class_drop), **others)

    return wrapper


@click.command("validate")
@click.argument("reference")
@click.argument("candidate")
@_images
@_gate
@runtime_option()
@click.option(
    "--corruptions",
    metavar="DIR",
    help="Compare both on dark, bright, blurred, noisy, ... images too; new folder for table, JSON and plots.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Write the test figures into CANDIDATE's card, and the report to REFERENCE/drift if that is a run.",
)
@output_options("Write the report as JSON.", force_help="Overwrite the report and recorded figures.")
def command(
    reference: str,
    candidate: str,
    images: EvaluationImages,
    gate: Gate,
    runtime: str,
    corruptions: str | None,
    record: bool,
    output: Output,
) -> None:
    """Prove that CANDIDATE kept the accuracy of REFERENCE on the same images.

    Both are run folders or .tflite files. The gate passes when even the upper 95 % bound of the loss is within
    --max-drop, and that of every class within --max-class-drop if that is given; otherwise the exit code is 3.

    With --corruptions both are measured again under seven corruptions of five severities, 35 times the images: try it
    with --limit. The gate does not look at them.

    Example: edgeemo validate runs/cnn3 runs/cnn3/fer-cnn3-int8.tflite --data archive.zip --max-drop 1.0
    """
    from ...edge.commands.typed import typed_command
    from ...train.evaluation.card_figures import CardRecord, check_recordable, place, runtime_of
    from ...train.evaluation.predictor import open_predictor
    from ..validation.card_figures import CORRUPTED, CardFigures
    from ..validation.plots import write_robustness
    from ..validation.validation import validate

    reports = [new_file(output.out, force=output.force)] if output.out else []
    names = ("test", "drift", CORRUPTED) if corruptions else ("test", "drift")
    card = CardRecord(candidate, names, force=output.force) if record else None
    if record and Path(reference).is_dir():
        kept = Path(reference) / "drift" / f"{Path(candidate).stem}.json"
        reports.append(new_file(kept, force=output.force))
    first, second = open_predictor(reference, runtime=runtime), open_predictor(candidate, runtime=runtime)
    dataset = images.read([first.card, second.card])
    if card:
        check_recordable(dataset)
    folder = new_folder(corruptions, force=output.force) if corruptions else None
    report_left_out(dataset)
    found = validate(first, second, dataset, gate)
    measured: dict[str, Any] = {**place(dataset, images.split), **found.to_dict()}
    result: dict[str, Any] = {"reference": reference, "candidate": candidate, **measured}
    robustness = _measure_corruptions(first, second, dataset, quiet=output.quiet) if folder else None
    if folder and robustness:
        result["corruptions"] = robustness.to_dict()
        both = {"reference": first.card.name, "candidate": Path(candidate).stem}
        title = f"{dataset.name}, {images.split}, n = {len(dataset):,}"
        write_robustness(robustness, dataset, folder, title=title, **both)
    for target in reports:
        write_json(target, result)
    if card:
        line = typed_command(click.get_current_context())
        figures = CardFigures(first.card, second.card, dataset, images.split, runtime_of(second), line)
        card.write(figures.figures(found.change, found.gate, robustness))
    if output.as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        tables = [f"{table.table()}\n" for table in (found, robustness) if table]
        click.echo("\n".join([*tables, *([f"recorded in the card of {candidate}"] if card else [])]))
    _judge(found, output)


def _judge(found: Validation, output: Output) -> None:
    if not found.passed:
        raise GateError(
            f"gate failed: {found.gate.text}",
            hint="train quantization-aware, calibrate on more faces, or measure more",
        )
    if not output.as_json:
        click.echo(f"gate passed: {found.gate.text}")


def _measure_corruptions(first: Predictor, second: Predictor, dataset: Dataset, *, quiet: bool) -> Robustness:
    from ...edge.common.console import Progress
    from ..validation.robustness import CONDITIONS, Condition, measure_robustness

    with Progress(quiet=quiet, plain=False) as display:
        done = 0

        def report(item: Condition) -> None:
            nonlocal done
            done += 1
            if sys.stderr.isatty():
                display.update("corruptions", done, len(CONDITIONS))
            else:
                both = f"reference {item.reference.value:.2%}, candidate {item.candidate.value:.2%}"
                display.print(f"{item.kind} {item.severity}: {both}")

        return measure_robustness(first, second, dataset, progress=report)
