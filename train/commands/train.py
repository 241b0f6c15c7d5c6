"""``edgeemo train``."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...edge.commands.options import json_option, out_option, quiet_option
from ...edge.common.errors import OptionError
from ...edge.common.files import new_folder
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, data_cleaning, report_left_out
from ..datasets.selection import Choice
from ..fit.options import TrainOptions, check_free, check_trainable

if TYPE_CHECKING:
    from ...edge.model.card import ModelCard
    from ..fit.run import Run


@click.command("train")
@click.argument("recipe", required=False)
@click.option("--data", metavar="PATH", help="Folder, zip or fer2013.csv with a train split; or 'synthetic'.")
@out_option("New folder for the run.", metavar="RUN")
@click.option("--resume", metavar="RUN", help="Continue a run that was stopped or killed.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."
)
@click.option(
    "--weights",
    metavar="imagenet|none|FILE|RUN",
    help="Weights to begin with: a finished RUN's or a .keras file's, to train its network further; for a pretrained "
    "backbone imagenet, none (from scratch) or its .h5 FILE, instead of the recipe's.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of epochs instead of the recipe's, in each phase if it has some.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many training images, stratified by class."
)
@click.option("--teacher", metavar="FILE", help="Soft targets from edgeemo distill; loss.teacher is their weight.")
@click.option("--seed", default=0, show_default=True, help="Seed of split, weights, shuffling and augmentation.")
@data_cleaning
@data_choice(modes=tuple(Mode))
@click.option(
    "--strategy",
    type=click.Choice(["none", "mirrored", "multiworker"]),
    default="none",
    show_default=True,
    help="Train on one device, on all GPUs of this machine, or with the machines that TF_CONFIG names.",
)
@click.option("--tensorboard", is_flag=True, help="Write event files for TensorBoard into RUN/tensorboard.")
@quiet_option()
@json_option()
def command(
    recipe: str | None,
    data: str | None,
    out: str | None,
    resume: str | None,
    strategy: str,
    tensorboard: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model by a recipe.

    RECIPE is the name of a recipe of the package or the path of a .toml file. The validation set is carved from the
    training images; the test split is never looked at. --set data.test=0.15 leaves a test split out of a source that
    has none; "edgeemo evaluate --split test" finds it by the model's card.

    With --strategy multiworker the same command is started on every machine; the first worker alone writes RUN. To
    resume, RUN must be where all of them can read it.

    \b
    Examples:
      edgeemo train fer-cnn3 --data archive.zip --drop-leaks --out runs/cnn3
      edgeemo train densenet169-fer --data archive.zip --weights none --out runs/densenet
      edgeemo train edge-res --data archive.zip --epochs 2 --limit 2000 --out runs/short
      edgeemo train edgeemo-base --data mine/ --weights runs/base --out runs/mine
      edgeemo train --resume runs/cnn3
    """
    chosen = ("overrides", "weights", "epochs", "limit", "teacher")
    new = recipe or data or out or any(options[name] for name in chosen) or options["choice"] != Choice()
    if resume and new:
        raise OptionError(
            "--resume takes everything from the run: give no recipe, --data, --out, --set, --weights, --epochs, "
            "--limit, --teacher, no choice"
        )
    if not resume and not (recipe and data and out):
        raise OptionError("a new run needs RECIPE, --data and --out, as: edgeemo train fer-cnn3 --data D --out RUN")
    from ..fit.distribution import open_strategy
    from ..fit.loop import train
    from ..fit.run import Run
    from ..network.model import load_model, weights_digest

    with contextlib.ExitStack() as stack:
        if resume:
            run = Run.open(resume)
            distributed = open_strategy(strategy)
            if not distributed.chief:
                run = run.copy(_scratch(stack))
            splits = run.settings.training_data(run.recipe)
        else:
            resolved, settings = TrainOptions(str(recipe), str(data), **options).resolve()
            distributed = open_strategy(strategy)
            if distributed.chief:
                check_free(str(out))
            splits = settings.training_data(resolved)
            for warning in check_trainable(resolved, settings, splits):
                click.echo(warning, err=True)
            run = Run.create(
                new_folder(str(out), force=None) if distributed.chief else _scratch(stack), resolved, settings
            )
        report_left_out(splits.train)
        click.echo(f"training on {len(splits.train):,} images, validating on {len(splits.validation):,}", err=True)
        quiet, tensorboard = quiet or as_json or not distributed.chief, tensorboard and distributed.chief
        try:
            card = train(run, splits, quiet=quiet, strategy=distributed, tensorboard=tensorboard)
        except KeyboardInterrupt:
            click.echo(f"\nfinished epochs are kept; continue with: edgeemo train --resume {resume or out}", err=True)
            raise
        if distributed.workers > 1:
            digest = weights_digest(load_model(run.model_path, compile=False))
            click.echo(
                f"worker {distributed.worker + 1} of {distributed.workers} ends with the weights {digest[:16]}",
                err=True,
            )
        if distributed.chief:
            _report(run, card, as_json)


def _report(run: Run, card: ModelCard, as_json: bool) -> None:
    metrics = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps({"run": str(run.folder), **metrics}, indent=2))
        return
    best = card.metrics["float32 validation"]
    low, high = best["ci95"]
    click.echo(
        f"{run.folder}: validation accuracy {best['accuracy']:.2%} [{low:.2%}, {high:.2%}], n = {best['n']:,}, "
        f"epoch {best['epoch']} of {metrics['epochs']}, {metrics['parameters']:,} parameters"
    )


def _scratch(stack: contextlib.ExitStack) -> Path:
    """Folder for what a worker that is not the chief has to keep until the end."""
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeemo-worker-")))
