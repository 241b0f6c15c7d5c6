"""``edgeemo train``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ...edge.errors import EdgeemoError
from ...edge.files import new_folder
from ..datasets.choice import Choice
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, data_cleaning, tell_left_out


@click.command("train")
@click.argument("recipe", required=False)
@click.option("--data", metavar="PATH", help="Folder, zip or fer2013.csv with a train split; or 'synthetic'.")
@click.option("--out", metavar="RUN", help="New folder for the run.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was stopped or killed.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."
)
@click.option(
    "--weights",
    metavar="imagenet|none|FILE",
    help="Weights with which a pretrained network begins, instead of the recipe's; none trains from scratch.",
)
@click.option("--seed", default=0, show_default=True, help="Of split, weights, shuffling and augmentation.")
@data_cleaning
@data_choice(modes=tuple(Mode))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    recipe: str | None,
    data: str | None,
    out: str | None,
    resume: str | None,
    overrides: tuple[str, ...],
    weights: str | None,
    seed: int,
    exclude: tuple[str, ...],
    drop_leaks: bool,
    skip_bad: bool,
    choice: Choice,
    as_json: bool,
) -> None:
    """Train a model by a recipe.

    RECIPE is the name of a recipe of the package or the path of a .toml file. The validation set is carved from the
    training pictures; the test split is never looked at. --set data.test=0.15 leaves a test role out of a source that
    has none; "edgeemo evaluate --split test" finds it by the model's card.

    \b
    Examples:
      edgeemo train fer-cnn3 --data archive.zip --drop-leaks --out runs/cnn3
      edgeemo train densenet169-fer --data archive.zip --weights none --out runs/densenet
      edgeemo train --resume runs/cnn3
    """
    from ..loop import build_model, train
    from ..recipe import load_recipe
    from ..run import Run, Settings

    if resume:
        if recipe or data or out or overrides or weights or choice != Choice():
            raise click.UsageError(
                "--resume takes everything from the run: give no recipe, --data, --out, --set, --weights, no choice"
            )
        run = Run.open(resume)
        roles = run.settings.training_data(run.recipe)
    else:
        if not (recipe and data and out):
            raise click.UsageError(
                "a new run needs RECIPE, --data and --out, as: edgeemo train fer-cnn3 --data D --out RUN"
            )
        if weights:
            value = weights if weights in ("imagenet", "none") else str(Path(weights).absolute())
            # JSON's strings are TOML's.
            overrides = (*overrides, f"architecture.weights={json.dumps(value)}")
        resolved = load_recipe(recipe, overrides)
        lists = tuple(_absolute(path) for path in exclude)
        settings = Settings(_absolute(data), lists, drop_leaks, skip_bad, seed, choice)
        _free(out)
        roles = settings.training_data(resolved)
        # A recipe that cannot be built must not leave a run behind.
        build_model(resolved, len(roles.train.labels))
        run = Run.create(new_folder(out, force=None), resolved, settings)
    tell_left_out(roles.train)
    click.echo(f"training on {len(roles.train):,} pictures, selecting on {len(roles.validation):,}", err=True)
    try:
        card = train(run, roles, quiet=as_json)
    except KeyboardInterrupt:
        click.echo(f"\nfinished epochs are kept; go on with: edgeemo train --resume {run.folder}", err=True)
        raise
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


def _absolute(source: str) -> str:
    # The run must find its data again from any working folder.
    return source if source.startswith("synthetic") else str(Path(source).absolute())


def _free(out: str) -> None:
    """Refuse an existing run before minutes of reading, with the word that goes on with it."""
    if (Path(out) / "run.json").is_file():
        raise EdgeemoError(f"{out} is a run already", mend=f"go on with --resume {out}, or choose another folder")
    made = not Path(out).exists()
    new_folder(out, force=None)
    if made:
        # It could be made; whether it is needed shows when the data has been read.
        Path(out).rmdir()
