"""``edgeemo teach``."""

from __future__ import annotations

import click

from ...edge.files import new_file
from ..datasets.choice import Choice
from ..datasets.ferplus import Mode
from ..datasets.options import data_choice, evaluation_data, tell_left_out


@click.command("teach")
@click.argument("models", metavar="RUN...", nargs=-1, required=True)
@evaluation_data(split="train")
@data_choice(modes=(Mode.MAJORITY,))
@click.option("--out", required=True, metavar="FILE", help="The .npz to write.")
@click.option("--no-mirror", is_flag=True, help="Show each picture as it is only, not its mirror image too.")
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
    force: bool,
) -> None:
    """Write down what trained networks say of the training pictures, for a smaller one to learn from.

    RUN is a run folder or a .tflite; of several the mean is taken. The student learns from it with
    "edgeemo train ... --teacher FILE --set loss.teacher=0.7".

    Example: edgeemo teach runs/large-0 runs/large-1 --data archive.zip --out teacher.npz
    """
    from ...edge.line import Line
    from ..datasets.reader import read_evaluation_set
    from ..predictor import open_predictor
    from ..teaching import teach

    target = new_file(out, force=force)
    teachers = [open_predictor(model) for model in models]
    dataset = read_evaluation_set(data, split, limit=limit, skip_bad=skip_bad, choice=choice)
    tell_left_out(dataset)
    with Line() as line:
        teaching = teach(
            teachers,
            dataset,
            mirrored=not no_mirror,
            progress=lambda done, of: line.tell(f"batch {done + 1:,} of {of:,}"),
        )
    teaching.write(target)
    who = "1 teacher" if len(models) == 1 else f"{len(models)} teachers"
    click.echo(f"{target}: {who} on {len(teaching.digests):,} pictures of {dataset.name} {split}")
