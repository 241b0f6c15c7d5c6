"""``edgeemo benchmark report``: a page from records."""

from __future__ import annotations

import click

from ...edge.commands.options import force_option, out_option, quiet_option
from ...edge.common.console import message
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
@out_option(
    "The report: .html for one self-contained page, .md for Markdown with its images in a folder beside it.",
    required=True,
)
@click.option(
    "--profiles", metavar="FILE", multiple=True, help="Operators to show too, from edgeemo benchmark profile --out."
)
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "svg"]),
    default="png",
    show_default=True,
    help="Format of the images.",
)
@click.option("--title", default="Benchmark", show_default=True, help="Heading of the report.")
@click.option("--introduction", metavar="TEXT", default="", help="Paragraph at the beginning.")
@force_option("Replace the file and its images.")
@quiet_option()
def command(
    records: tuple[str, ...],
    out: str,
    profiles: tuple[str, ...],
    image_format: str,
    title: str,
    introduction: str,
    force: bool,
    quiet: bool,
) -> None:
    """Make a report from RECORDS (.jsonl): Pareto fronts, histograms, stages, latency over time, operators.

    Records of several runs are shown one after the other, never averaged.
    """
    target = new_file(out, force=force)
    if target.suffix.lower() == ".md":
        new_folder(target.with_suffix(""), force=force)
    found = [record for path in records for record in read_records(path)]
    timed = [each for path in profiles for each in read_profiles(path)]
    write_report(found, target, profiles=timed, title=title, introduction=introduction, suffix=f".{image_format}")
    if not quiet:
        message(f"wrote {target}")
