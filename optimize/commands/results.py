"""``edgeemo results``."""

from __future__ import annotations

import json

import click

from ...edge.common.files import new_file, write_text
from .options import Output, output_options


@click.command("results")
@click.argument("sources", metavar="RUN...", nargs=-1, required=True)
@click.option("--records", multiple=True, metavar="FILE", help="records.jsonl of edgeemo benchmark --out; repeatable.")
@click.option("--readme", metavar="FILE", help="Put the table between <!-- results --> and <!-- /results --> of FILE.")
@click.option("--by-model", is_flag=True, help="A row for each model instead of one for each system.")
@output_options("Write the table to FILE instead of to standard output.")
def command(
    sources: tuple[str, ...],
    records: tuple[str, ...],
    readme: str | None,
    by_model: bool,
    output: Output,
) -> None:
    """Tabulate systems: size, cost, published figure, accuracy, accuracy change, latency.

    RUN is a run folder, a folder of models, or a .tflite; the figures come from its recipe, its cards and the
    benchmark records. Or it is a .json that --json wrote earlier: its rows are kept, except for systems whose run is
    given too. A missing figure is a dash, and the command that produces it is listed below the table.

    Example: edgeemo results runs/fer-cnn3 runs/edge-res --records report/records.jsonl --readme README.md
    """
    from dataclasses import replace

    from ..results import System, gather, markdown, markdown_by_model, replace_block
    from ..results.stored import to_list
    from ..results.timing import find_timings, read_records

    target = new_file(output.out, force=output.force) if output.out else None
    measured = read_records(records)

    def timed(system: System) -> System:
        return replace(system, timings={**system.timings, **find_timings(measured, system.models)})

    systems = [timed(system) for system in gather(sources)]
    table = (markdown_by_model if by_model else markdown)(systems)
    text = json.dumps(to_list(systems), indent=2, ensure_ascii=False) + "\n" if output.as_json else table
    if readme:
        replace_block(readme, table)
    if readme and not output.quiet:
        click.echo(f"wrote the table of {len(systems)} systems into {readme}", err=True)
    if target:
        write_text(target, text)
    elif not readme or output.as_json:
        click.echo(text, nl=False)
