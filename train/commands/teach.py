"""``edgeemo teach``."""

from __future__ import annotations

import click

from ...edge.common.errors import OptionError
from ...edge.common.files import new_file
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, evaluation_data, tell_left_out
from ..datasets.selection import Choice

#: Seconds between two lines of a log: it takes half an hour.
_EVERY = 60.0


@click.command("teach")
@click.argument("models", metavar="RUN...", nargs=-1, required=True)
@evaluation_data(split="train")
@data_choice(modes=(Mode.MAJORITY,))
@click.option("--out", required=True, metavar="FILE", help="The .npz to write.")
@click.option("--no-mirror", is_flag=True, help="Do not ask about mirror images too.")
@click.option("--student", metavar="RECIPE", help="Show the versions of the images that this training will make.")
@click.option(
    "--views", type=click.IntRange(1), default=40, show_default=True, help="Versions of each image, with --student."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the student's recipe; repeatable."
)
@click.option("--seed", default=0, show_default=True, help="Of the versions.")
@click.option(
    "--blend",
    type=click.FloatRange(0, 10),
    default=0.0,
    show_default=True,
    help="Blend each version with another image's by Beta(ALPHA, ALPHA), with --student.",
    metavar="ALPHA",
)
@click.option(
    "--with",
    "before",
    multiple=True,
    metavar="FILE",
    help="Count in the teachers of another such file, which was made in the same way; repeatable.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def command(
    models: tuple[str, ...],
    data: str,
    split: str,
    limit: int | None,
    skip_bad: bool,
    choice: Choice,
    out: str,
    no_mirror: bool,
    student: str | None,
    views: int,
    overrides: tuple[str, ...],
    seed: int,
    blend: float,
    before: tuple[str, ...],
    force: bool,
) -> None:
    """Write down what trained networks say of the training images, for a smaller one to learn from.

    RUN is a run folder or a .tflite; of several the mean is taken. The student learns from it with
    "edgeemo train ... --teacher FILE --set loss.teacher=0.7".

    With --student they are asked about changed versions of every image, which are what the student's training then
    shows in turn, one in each epoch: it is told of exactly what it sees. That takes as many times longer as there are
    views, and the file serves every student whose recipe changes the images in the same way. Whoever interrupts it
    goes on with the same command. A new teacher joins those of before --with their file: they are not asked again.

    \b
    Examples:
      edgeemo teach runs/large-0 runs/large-1 --data archive.zip --out teacher.npz
      edgeemo teach runs/large-0 --data archive.zip --student edgeemo-base --out lessons.npz
      edgeemo teach runs/wide --with lessons.npz --data archive.zip --student edgeemo-base --out more-lessons.npz
    """
    if overrides and not student:
        raise OptionError("--set changes the recipe that --student names")
    if blend and not student:
        raise OptionError("--blend blends the versions that --student asks for")
    from ...edge.common.console import Progress
    from ..config.recipe import load_recipe
    from ..datasets.registry import read_evaluation_set
    from ..distillation.query_teachers import teach
    from ..distillation.soft_targets import Teaching
    from ..evaluation.predictor import open_predictor

    target = new_file(out, force=force)
    recipe = load_recipe(student, overrides) if student else None
    others = [Teaching.read(file) for file in before]
    teachers = [open_predictor(model) for model in models]
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice)
    tell_left_out(dataset)
    unfinished = target.with_name(f".{target.stem}-unfinished.npz")
    with Progress(every=_EVERY) as display:
        teaching = teach(
            teachers,
            dataset,
            mirrored=not no_mirror,
            student=recipe,
            views=views if recipe else 0,
            seed=seed,
            blend=blend,
            others=others,
            unfinished=unfinished,
            progress=lambda done, of: display.update("batch", done + 1, of),
        )
    teaching.write(target)
    unfinished.unlink(missing_ok=True)
    who = "1 teacher" if teaching.teachers == 1 else f"{teaching.teachers} teachers"
    versions = f" in {views} versions" if recipe else ""
    click.echo(f"{target}: {who} on {len(teaching.digests):,} images of {dataset.name} {split}{versions}")
