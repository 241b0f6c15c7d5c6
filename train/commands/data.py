"""``edgeemo data``: look at data sets before they are trusted, and pack them for a device."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import click

from ...edge.commands.group import CommandGroup
from ...edge.commands.options import force_option, json_option, out_option
from ...edge.common.errors import DataError, OptionError
from ...edge.common.files import existing, new_file, write_text
from ...edge.common.tables import aligned
from ...edge.model.card import read_card
from ...edge.model.zoo import find_model
from ..datasets.audit import BROKEN, CONFLICT, CONSTANT, CROSS_SPLIT, PERSON, WITHIN_SPLIT, Audit, audit
from ..datasets.formats.pack import Pack, fitted, write_pack
from ..datasets.options import data_choice, report_left_out
from ..datasets.registry import read_dataset, read_evaluation_set
from ..datasets.selection import Choice
from ..datasets.splits import holdout_of, stratified

_MEANING = {
    CROSS_SPLIT: "images with a pixel-identical copy in another split",
    WITHIN_SPLIT: "further copies of an image of the same split",
    CONFLICT: "images whose copies carry another label",
    CONSTANT: "images of one color",
    PERSON: "images of people who also stand in another split",
}


@dataclass(frozen=True)
class PackOptions:
    """Options of ``data pack``; see their help."""

    path: str
    out: str
    split: str
    limit: int | None
    seed: int
    model: str | None
    fit: bool
    skip_bad: bool
    choice: Choice
    as_json: bool
    force: bool

    def __post_init__(self) -> None:
        if self.fit and self.model is None:
            raise OptionError("--fit needs --model")
        if not self.out.lower().endswith(".zip"):
            raise OptionError("--out is a .zip: other names are not taken for data")


@click.group("data", cls=CommandGroup)
def command() -> None:
    """Look at data sets, and pack them for a device."""


@command.command("audit")
@click.argument("path")
@out_option("List of findings to write (CSV).", default="audit.csv", show_default=True)
@click.option("--skip-bad", is_flag=True, help="List broken images and rows instead of refusing the data.")
@data_choice()
@json_option()
@force_option("Overwrite the list.")
def audit_command(path: str, out: str, skip_bad: bool, choice: Choice, as_json: bool, force: bool) -> None:
    """Count the images of a data set and look for what would make an accuracy untrue.

    PATH is a folder, a zip or fer2013.csv. The list of findings goes to --out; given to "edgeemo train --exclude", it
    keeps the training images in it out.

    Example: edgeemo data audit archive.zip --out findings.csv
    """
    target = new_file(out, force=force)
    result = audit(choice.apply(read_dataset(path, skip_bad=skip_bad)))
    write_text(target, result.to_csv())
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else _report(result, out))


@command.command("pack")
@click.argument("path")
@out_option("Pack to write (.zip).", required=True)
@click.option("--split", default="test", show_default=True, help="Split, or part by its name (PublicTest).")
@click.option("--limit", type=click.IntRange(1), help="At most so many images, stratified by class.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw.")
@click.option(
    "--model",
    metavar="FILE",
    help="For a source without a test split: --split test is what this model's training left out.",
)
@click.option("--fit", is_flag=True, help="Fit the images to the input of --model: smaller, and the same to it.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken images and rows instead of refusing the data.")
@data_choice()
@json_option()
@force_option("Overwrite the pack.")
def pack_command(**values: Any) -> None:
    """Pack images into one small file for a device, drawn stratified by class with a seed.

    PATH is a folder, a zip or fer2013.csv. The pack is read wherever --data is, checked image by image, with the
    base install alone: edgeemo benchmark model.tflite --data faces.zip. It says how many images it has, and its hash.

    Example: edgeemo data pack archive.zip --split PrivateTest --limit 500 --out faces.zip
    """
    options = PackOptions(**values)
    target = new_file(options.out, force=options.force)
    card = None
    if options.model is not None:
        path = existing(find_model(options.model), "a .tflite model")
        card = read_card(path)
        if card is None:
            raise DataError(f"{path} has no model card", expected="the test split and the input of the model")
    whole = read_evaluation_set(
        options.path,
        options.split,
        skip_bad=options.skip_bad,
        choice=options.choice,
        holdout=holdout_of([card]) if card else None,
    )
    report_left_out(whole)
    drawn = stratified(whole, options.limit, seed=options.seed) if options.limit else whole
    origin = f"{len(drawn):,} of {len(whole):,} images, split {options.split}, seed {options.seed}"
    if options.fit and card is not None:
        origin += f", fitted to {card.input.width}x{card.input.height} {card.input.channels}"
        drawn = fitted(drawn, card.input)
    pack = write_pack(target, drawn, origin=origin)
    click.echo(json.dumps(pack.to_dict(), indent=2) if options.as_json else _packed(pack, origin))


def _packed(pack: Pack, origin: str) -> str:
    return "\n".join(
        [
            f"{pack.path}  ({pack.bytes / 1000:,.0f} KB, {origin})",
            f"sha256        {pack.sha256}",
            f"content hash  {pack.content_hash}",
            "",
            counts_table(pack.counts),
        ]
    )


def _report(result: Audit, out: str) -> str:
    lines = [f"{result.name}  (content hash {result.content_hash[:16]})", "", counts_table(result.counts), ""]
    for kind, meaning in _MEANING.items():
        by_split = ", ".join(f"{split} {result.count(kind, split):,}" for split in result.counts)
        lines.append(f"{result.count(kind):6,}  {meaning}  ({by_split})")
    lines.append(f"{result.count(BROKEN):6,}  broken images or rows, left out")
    lines += ["", f"{len(result.findings):,} findings are listed in {out}"]
    return "\n".join(lines)


def counts_table(counts: dict[str, dict[str, int]]) -> str:
    """Return the images per split and class as a table.

    Args:
        counts: split -> class -> number, as ``Dataset.counts``.
    """
    splits = list(counts)
    labels = list(next(iter(counts.values())))
    rows = [["class", *splits]]
    rows += [[label, *(f"{counts[split][label]:,}" for split in splits)] for label in labels]
    rows.append(["total", *(f"{sum(counts[split].values()):,}" for split in splits)])
    return aligned(rows)
