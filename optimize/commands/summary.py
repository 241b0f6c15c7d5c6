"""``edgeemo summary``."""

from __future__ import annotations

import json

import click

from ...edge.files import new_file, sha256, write_text


@click.command("summary")
@click.argument("sources", metavar="RUN...", nargs=-1, required=True)
@click.option("--records", multiple=True, metavar="FILE", help="records.jsonl of edgeemo benchmark --out; repeatable.")
@click.option("--out", metavar="FILE", help="Write the table to FILE instead of to standard output.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--readme", metavar="FILE", help="Put the table between <!-- summary --> and <!-- /summary --> of FILE.")
@click.option("--by-model", is_flag=True, help="A row for each model instead of one for each system.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of Markdown.")
def command(
    sources: tuple[str, ...],
    records: tuple[str, ...],
    out: str | None,
    force: bool,
    readme: str | None,
    by_model: bool,
    as_json: bool,
) -> None:
    """Make one table of systems: size, cost, published figure, accuracy, drift, latency.

    RUN is a run folder, a folder of models, or a .tflite: its recipe, its cards and the benchmark records say
    everything. A figure that is nowhere is a dash, and the command that makes it stands below the table.

    Example: edgeemo summary runs/fer-cnn3 runs/edge-res --records report/records.jsonl --readme README.md
    """
    from dataclasses import replace

    from ..summary import System, gather
    from ..summary_table import markdown, markdown_by_model, replace_block, to_dict
    from ..timing import Subject, find_timings, read_records

    target = new_file(out, force=force) if out else None
    measured = read_records(records)

    def timed(system: System) -> System:
        macs = system.macs or 0
        subjects = {
            method: Subject(model.card.name, sha256(model.data), macs) for method, model in system.models.items()
        }
        return replace(system, timings=find_timings(measured, subjects))

    systems = [timed(system) for system in gather(sources)]
    table = (markdown_by_model if by_model else markdown)(systems)
    text = json.dumps(to_dict(systems), indent=2, ensure_ascii=False) + "\n" if as_json else table
    if readme:
        replace_block(readme, table)
        click.echo(f"wrote the table of {len(systems)} systems into {readme}", err=True)
    if target:
        write_text(target, text)
    elif not readme or as_json:
        click.echo(text, nl=False)
