"""``edgeemo benchmark compare``: what got slower."""

from __future__ import annotations

import json

import click

from ...edge.commands.options import json_option
from ...edge.common.errors import GateError
from ..compare import TOLERANCE, compare
from ..record import read_records

_EXAMPLE = """\b
Example:
  edgeemo benchmark compare monday/records.jsonl tuesday/records.jsonl
"""


@click.command("compare", epilog=_EXAMPLE)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--tolerance",
    metavar="SHARE",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    help="Change of the median that does not matter.",
)
@click.option("--relative", is_flag=True, help="Compare multiples of each run's first model instead of milliseconds.")
@click.option("--include-unreliable", is_flag=True, help="Count unreliable records too.")
@json_option()
def command(old: str, new: str, tolerance: float, relative: bool, include_unreliable: bool, as_json: bool) -> None:
    """Report what got slower from OLD to NEW (records, .jsonl) beyond the noise; exit code 3 when something did.

    The noise is the spread of the rounds of both: a model is slower when the whole 99 % confidence interval of the
    ratio lies above 1 + tolerance. Unreliable records are not compared. See docs/benchmarks.md.
    """
    found = compare(
        read_records(old),
        read_records(new),
        tolerance=tolerance,
        relative=relative,
        include_unreliable=include_unreliable,
    )
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else found.text(), nl=as_json)
    if found.slower:
        what = ", ".join(f"{change.name} ({change.ratio:.2f} times)" for change in found.slower)
        raise GateError(f"slower than before: {what}")
