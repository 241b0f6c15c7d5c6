"""``edgeemo data``: look at data sets before they are trusted."""

from __future__ import annotations

import json

import click

from ...edge.files import new_file, write_text
from ..datasets.audit import BROKEN, CONFLICT, CONSTANT, CROSS_SPLIT, PERSON, WITHIN_SPLIT, Audit, audit
from ..datasets.choice import Choice
from ..datasets.options import data_choice
from ..datasets.reader import read_dataset
from ..datasets.table import counts_table

_MEANING = {
    CROSS_SPLIT: "pictures with a pixel-identical copy in another split",
    WITHIN_SPLIT: "further copies of a picture of the same split",
    CONFLICT: "pictures whose copies carry another label",
    CONSTANT: "pictures of one colour",
    PERSON: "pictures of people who also stand in another split",
}


@click.group("data")
def command() -> None:
    """Look at data sets."""


@command.command("audit")
@click.argument("path")
@click.option("--out", default="audit.csv", show_default=True, help="File for the list of findings.")
@click.option("--skip-bad", is_flag=True, help="List broken pictures and rows instead of refusing the data.")
@data_choice()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--force", is_flag=True, help="Overwrite the list.")
def audit_command(path: str, out: str, skip_bad: bool, choice: Choice, as_json: bool, force: bool) -> None:
    """Count the pictures of a data set and look for what would make an accuracy untrue.

    PATH is a folder, a zip or fer2013.csv. The list of findings goes to --out; given to "edgeemo train --exclude", it
    keeps the training pictures in it out.

    Example: edgeemo data audit archive.zip --out findings.csv
    """
    target = new_file(out, force=force)
    result = audit(choice.apply(read_dataset(path, skip_bad=skip_bad)))
    write_text(target, result.to_csv())
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else _report(result, out))


def _report(result: Audit, out: str) -> str:
    lines = [f"{result.name}  (content hash {result.content_hash[:16]})", "", counts_table(result.counts), ""]
    for kind, meaning in _MEANING.items():
        by_split = ", ".join(f"{split} {result.count(kind, split):,}" for split in result.counts)
        lines.append(f"{result.count(kind):6,}  {meaning}  ({by_split})")
    lines.append(f"{result.count(BROKEN):6,}  broken pictures or rows, left out")
    lines += ["", f"{len(result.findings):,} findings are listed in {out}"]
    return "\n".join(lines)
