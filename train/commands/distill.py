"""``edgeemo distill``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from ...edge.commands.options import force_option, out_option, quiet_option
from ...edge.common.errors import OptionError
from ...edge.common.files import new_file
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, evaluation_data, report_left_out
from ..datasets.selection import Choice

#: Seconds between two lines of a log: it takes half an hour.
_EVERY = 60.0


@dataclass(frozen=True)
class DistillOptions:
    """Options of the command; see their help.

    Args:
        models: run folders or .tflite files of the teachers.
        previous: other files of soft targets to include.
    """

    models: tuple[str, ...]
    data: str
    split: str
    limit: int | None
    skip_bad: bool
    choice: Choice
    out: str
    no_mirror: bool
    student: str | None
    views: int
    overrides: tuple[str, ...]
    seed: int
    mixup: float
    previous: tuple[str, ...]
    quiet: bool
    force: bool

    def __post_init__(self) -> None:
        if self.overrides and not self.student:
            raise OptionError("--set changes the recipe that --student names")
        if self.mixup and not self.student:
            raise OptionError("--mixup mixes the views that --student asks for")


@click.command("distill")
@click.argument("models", metavar="RUN...", nargs=-1, required=True)
@evaluation_data(split="train")
@data_choice(modes=(Mode.MAJORITY,))
@out_option("Soft targets to write (.npz).", required=True)
@click.option("--no-mirror", is_flag=True, help="Do not ask about mirror images too.")
@click.option("--student", metavar="RECIPE", help="Ask about the views of the images that this training will make.")
@click.option(
    "--views", type=click.IntRange(1), default=40, show_default=True, help="Views of each image, with --student."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the student's recipe; repeatable."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the views.")
@click.option(
    "--mixup",
    type=click.FloatRange(0, 10),
    default=0.0,
    show_default=True,
    help="Mix each view with another image's by Beta(ALPHA, ALPHA), with --student.",
    metavar="ALPHA",
)
@click.option(
    "--with",
    "previous",
    multiple=True,
    metavar="FILE",
    help="Include the teachers of another file of soft targets for the same views; repeatable.",
)
@quiet_option()
@force_option("Overwrite FILE.")
def command(**values: Any) -> None:
    """Write trained networks' probabilities of the training images, for a smaller network to learn from.

    RUN is a run folder or a .tflite; of several the mean is taken. The student learns from the file with
    "edgeemo train ... --teacher FILE --set loss.teacher=0.7".

    With --student they are asked about augmented views of every image, which the student's training then shows in
    turn, one in each epoch: teacher and student see exactly the same. That takes as many times longer as there are
    views, and the file serves every student whose recipe changes the images in the same way. After an interruption
    the same command continues. A new teacher joins others --with their file: they are not asked again.

    \b
    Examples:
      edgeemo distill runs/large-0 runs/large-1 --data archive.zip --out soft-targets.npz
      edgeemo distill runs/large-0 --data archive.zip --student edgeemo-base --out views.npz
      edgeemo distill runs/wide --with views.npz --data archive.zip --student edgeemo-base --out more-views.npz
    """
    options = DistillOptions(**values)
    from ...edge.common.console import Progress
    from ..config.recipe import load_recipe
    from ..datasets.registry import read_evaluation_set
    from ..distillation.soft_targets import SoftTargets
    from ..distillation.teachers import ViewOptions, query_teachers
    from ..evaluation.predictor import open_predictor

    target = new_file(options.out, force=options.force)
    views = None
    if options.student:
        recipe = load_recipe(options.student, options.overrides)
        views = ViewOptions(recipe, options.views, options.seed, options.mixup)
    previous = [SoftTargets.read(file) for file in options.previous]
    teachers = [open_predictor(model) for model in options.models]
    dataset = read_evaluation_set(
        options.data, options.split, limit=options.limit, skip_bad=options.skip_bad, choice=options.choice
    )
    report_left_out(dataset)
    checkpoint = target.with_name(f".{target.stem}-unfinished.npz")
    with Progress(quiet=options.quiet, every=_EVERY) as display:
        soft = query_teachers(
            teachers,
            dataset,
            mirrored=not options.no_mirror,
            views=views,
            previous=previous,
            checkpoint=checkpoint,
            progress=lambda done, of: display.update("batch", done + 1, of),
        )
    soft.write(target)
    checkpoint.unlink(missing_ok=True)
    who = "1 teacher" if soft.teachers == 1 else f"{soft.teachers} teachers"
    shown = f" in {options.views} views" if views else ""
    click.echo(f"{target}: {who} on {len(soft.digests):,} images of {dataset.name} {options.split}{shown}")
