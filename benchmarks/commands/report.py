"""``edgeemo benchmark report``: a page from records."""

from __future__ import annotations

import click

from ...edge.common.files import new_file, new_folder
from ..measure.profile import read_profiles
from ..record import read_records
from ..report.report import write_report

_EXAMPLE = """\b
Example:
  edgeemo benchmark report pi4/records.jsonl pi5/records.jsonl --out boards.html
  edgeemo benchmark report report/records.jsonl --profiles report/profiles.jsonl --out docs/report.md --force
"""


@click.command("report", epilog=_EXAMPLE)
@click.argument("records", metavar="RECORDS...", nargs=-1, required=True)
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    help="The report: .html for one self-contained page, .md for Markdown with its images in a folder beside it.",
)
@click.option(
    "--profiles", metavar="FILE", multiple=True, help="Operators to show too, from edgeemo benchmark profile --out."
)
@click.option("--images", type=click.Choice(["png", "svg"]), default="png", show_default=True, help="Their format.")
@click.option("--title", default="Benchmark", show_default=True, help="Of the report.")
@click.option("--foreword", metavar="TEXT", default="", help="A paragraph ahead of everything else.")
@click.option("--force", is_flag=True, help="Replace the file and its images.")
def command(
    records: tuple[str, ...],
    out: str,
    profiles: tuple[str, ...],
    images: str,
    title: str,
    foreword: str,
    force: bool,
) -> None:
    """Make a report from RECORDS (.jsonl): Pareto fronts, histograms, stages, the course of the run, operators.

    Records of several runs are shown one after the other, never averaged.
    """
    target = new_file(out, force=force)
    if target.suffix.lower() == ".md":
        new_folder(target.with_suffix(""), force=force)
    found = [record for path in records for record in read_records(path)]
    timed = [each for path in profiles for each in read_profiles(path)]
    write_report(found, target, profiles=timed, title=title, foreword=foreword, images=f".{images}")
    click.echo(f"wrote {target}", err=True)
