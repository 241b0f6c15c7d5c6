"""``edgeemo benchmark profile``: how long each operator takes."""

from __future__ import annotations

import functools

import click

from ...edge.commands.options import force_option, json_option, out_option, quiet_option, runtime_option
from ...edge.common.console import Progress
from ...edge.common.files import existing, new_file
from ...edge.model.zoo import find_model
from ..measure.profile import profile, write_profiles
from ..report.table import profile_table

_EXAMPLE = """\b
Example:
  edgeemo benchmark profile edge-res-int8 --out profiles.jsonl
"""


@click.command("profile", epilog=_EXAMPLE)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@runtime_option()
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="To spend on each model; ten rounds are run whatever they take.",
)
@out_option("Write the profiles there (.jsonl), for edgeemo benchmark report.")
@force_option()
@json_option("Print the profiles as JSON lines instead of tables.")
@quiet_option()
def command(
    models: tuple[str, ...],
    runtime: str,
    threads: int,
    seconds: float,
    out: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Time the operators of each MODEL.

    The runtimes do not publish a profile of their own. So the model is cut after each of its operators and the parts
    are timed in turns: what a part takes longer than the one before it is that operator's. See docs/reports.md.
    """
    target = new_file(out, force=force) if out else None
    paths = [existing(find_model(model), "a .tflite model") for model in models]
    found = []
    with Progress(quiet=quiet) as progress:
        for path in paths:
            shown = functools.partial(progress.update, f"rounds of {path.stem}")
            found.append(profile(path, runtime=runtime, threads=threads, seconds=seconds, progress=shown))
    if target:
        write_profiles(target, found)
    if as_json:
        for each in found:
            click.echo(each.to_json())
    else:
        click.echo("\n".join(profile_table(each) for each in found), nl=False)
