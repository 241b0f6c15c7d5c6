"""``edgeemo train``."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...edge.common.errors import DataError, OptionError
from ...edge.common.files import new_folder
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, data_cleaning, report_left_out
from ..datasets.selection import Choice

if TYPE_CHECKING:
    from ...edge.model.card import ModelCard
    from ..config.recipe import Recipe
    from ..datasets.splits import TrainingData
    from ..fit.run import Run, Settings


@click.command("train")
@click.argument("recipe", required=False)
@click.option("--data", metavar="PATH", help="Folder, zip or fer2013.csv with a train split; or 'synthetic'.")
@click.option("--out", metavar="RUN", help="New folder for the run.")
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
    help="Train so many epochs instead of the recipe's, in each phase if it has some.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many training images, stratified by class."
)
@click.option("--teacher", metavar="FILE", help="Soft targets from edgeemo distill; loss.teacher is their weight.")
@click.option("--seed", default=0, show_default=True, help="Of split, weights, shuffling and augmentation.")
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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    recipe: str | None,
    data: str | None,
    out: str | None,
    resume: str | None,
    overrides: tuple[str, ...],
    weights: str | None,
    epochs: int | None,
    limit: int | None,
    teacher: str | None,
    seed: int,
    exclude: tuple[str, ...],
    drop_leaks: bool,
    skip_bad: bool,
    choice: Choice,
    strategy: str,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train a model by a recipe.

    RECIPE is the name of a recipe of the package or the path of a .toml file. The validation set is carved from the
    training images; the test split is never looked at. --set data.test=0.15 leaves a test role out of a source that
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
    new = recipe or data or out or overrides or weights or epochs or limit or teacher or choice != Choice()
    if resume and new:
        raise OptionError(
            "--resume takes everything from the run: give no recipe, --data, --out, --set, --weights, --epochs, "
            "--limit, --teacher, no choice"
        )
    if not resume and not (recipe and data and out):
        raise OptionError("a new run needs RECIPE, --data and --out, as: edgeemo train fer-cnn3 --data D --out RUN")
    from ..config.recipe import load_recipe
    from ..fit.distribution import open_strategy
    from ..fit.loop import train
    from ..fit.run import Run, Settings
    from ..fit.warm_start import is_start, start_of
    from ..network.model import load_model, weights_digest

    with contextlib.ExitStack() as stack:
        if resume:
            run = Run.open(resume)
            place = open_strategy(strategy)
            if not place.chief:
                run = run.copy(_scratch(stack))
            roles = run.settings.training_data(run.recipe)
        else:
            start = str(start_of(weights)) if weights and is_start(weights) else ""
            if weights and not start:
                value = weights if weights in ("imagenet", "none") else str(Path(weights).absolute())
                # JSON's strings are TOML's.
                overrides = (*overrides, f"architecture.weights={json.dumps(value)}")
            resolved = load_recipe(str(recipe), overrides)
            resolved = resolved.with_epochs(epochs) if epochs else resolved
            lists = tuple(_absolute(path) for path in exclude)
            asked = str(Path(teacher).absolute()) if teacher else ""
            settings = Settings(
                _absolute(str(data)), lists, drop_leaks, skip_bad, seed, choice, limit or 0, asked, start
            )
            place = open_strategy(strategy)
            if place.chief:
                _free(str(out))
            roles = settings.training_data(resolved)
            _try_out(resolved, settings, roles)
            run = Run.create(new_folder(str(out), force=None) if place.chief else _scratch(stack), resolved, settings)
        report_left_out(roles.train)
        click.echo(f"training on {len(roles.train):,} images, selecting on {len(roles.validation):,}", err=True)
        quiet, tensorboard = as_json or not place.chief, tensorboard and place.chief
        try:
            card = train(run, roles, quiet=quiet, strategy=place, tensorboard=tensorboard)
        except KeyboardInterrupt:
            click.echo(f"\nfinished epochs are kept; continue with: edgeemo train --resume {resume or out}", err=True)
            raise
        if place.workers > 1:
            digest = weights_digest(load_model(run.model_path, compile=False))
            click.echo(f"worker {place.worker + 1} of {place.workers} ends with the weights {digest[:16]}", err=True)
        if place.chief:
            _tell(run, card, as_json)


def _try_out(recipe: Recipe, settings: Settings, roles: TrainingData) -> None:
    """Fail on what cannot be trained, before there is a run, and say what is odd."""
    from ..distillation.soft_targets import load_targets
    from ..fit.warm_start import load_weights, warnings
    from ..network.ferplus_head import votes_to_learn
    from ..network.model import build_model

    load_targets(recipe, settings.teacher, roles.train)
    votes_to_learn(recipe.loss, settings.choice, roles.train)
    model = build_model(recipe, len(roles.train.labels))
    if settings.start:
        whole = load_weights(model, settings.start, roles.train.labels)
        for sentence in warnings(Path(settings.start), roles, whole):
            click.echo(sentence, err=True)


def _tell(run: Run, card: ModelCard, as_json: bool) -> None:
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
    """A folder for what a worker that is not the chief has to keep until the end."""
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeemo-worker-")))


def _absolute(source: str) -> str:
    # The run must find its data again from any working folder.
    return source if source.startswith("synthetic") else str(Path(source).absolute())


def _free(out: str) -> None:
    """Refuse an existing run before minutes of reading, with the option that continues it."""
    if (Path(out) / "run.json").is_file():
        raise DataError(f"{out} is a run already", hint=f"continue with --resume {out}, or choose another folder")
    made = not Path(out).exists()
    new_folder(out, force=None)
    if made:
        # It could be made; whether it is needed shows when the data has been read.
        Path(out).rmdir()
