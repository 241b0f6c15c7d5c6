"""``edgeemo benchmark report``: a page from records."""

from __future__ import annotations

import click

from ...edge.files import new_file
from ..record import read_records
from ..report import write_report

_EXAMPLE = """\b
Example:
  edgeemo benchmark report pi4/records.jsonl pi5/records.jsonl --out boards.html
"""


@click.command("report", epilog=_EXAMPLE)
@click.argument("records", metavar="RECORDS...", nargs=-1, required=True)
@click.option("--out", metavar="FILE", required=True, help="The page (.html).")
@click.option("--force", is_flag=True, help="Replace the file.")
def command(records: tuple[str, ...], out: str, force: bool) -> None:
    """Make a self-contained page from RECORDS (.jsonl): Pareto fronts, histograms, stages, the course of the run.

    Records of several runs are shown one after the other, never averaged.
    """
    target = new_file(out, force=force)
    found = [record for path in records for record in read_records(path)]
    write_report(found, target)
    click.echo(f"wrote {target}", err=True)
