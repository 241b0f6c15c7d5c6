"""``edgeemo benchmark MODEL...``: latency and accuracy of models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ...edge.commands.options import force_option, json_option, out_option, quiet_option, runtime_option
from ...edge.common.console import Progress, message
from ...edge.common.errors import MissingExtraError, OptionError
from ...edge.common.files import existing, new_folder, write_text
from ...edge.common.plugin import own_values
from ...edge.inference.delegate import DelegateSpec
from ...edge.model.card import ModelCard, read_card, read_card_file
from ...edge.model.zoo import find_model
from ...train.datasets.audit import exclude_listed
from ...train.datasets.dataset import Dataset
from ...train.datasets.options import data_choice, evaluation_data, report_left_out
from ...train.datasets.registry import read_evaluation_set
from ...train.datasets.selection import Choice
from ...train.datasets.splits import holdout_of, stratified
from ..options import BenchmarkOptions
from ..probes.registry import probe_options
from ..record import BenchmarkRecord, write_records
from ..report.report import write_report
from ..report.scatter import plot_records
from ..report.table import markdown_table, text_table
from ..suite import benchmark

_EXAMPLE = """\b
Example:
  edgeemo benchmark float.tflite int8.tflite --data archive.zip --out report
  edgeemo benchmark int8.tflite --instructions --arm-python .arm/bin/python3.11
  edgeemo benchmark compare old/records.jsonl report/records.jsonl
"""

_CPU = "none"


@click.command("measure", epilog=_EXAMPLE)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@evaluation_data(required=False)
@data_choice()
@click.option(
    "--exclude",
    metavar="CSV",
    multiple=True,
    help="Leave out the images that this list names by row or key, as those that also stand in the training split.",
)
@runtime_option("runtimes", multiple=True, default=["auto"], help="Give it several times to compare runtimes.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    multiple=True,
    default=[1],
    show_default=True,
    help="Give it several times to compare. More pays on idle cores only.",
)
@click.option(
    "--delegate",
    "delegates",
    metavar="none|edgetpu[:usb|:pci|:N]|PATH",
    multiple=True,
    default=["none"],
    show_default=True,
    help="Accelerator, or the library of an external delegate; none is the CPU. Give it several times to compare.",
)
@click.option(
    "--delegate-option", "delegate_options", metavar="KEY=VALUE", multiple=True, help="For the library; repeatable."
)
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="At least so many for each model; p90 needs 64, p95 130, p99 662.",
)
@click.option("--seconds", type=click.FloatRange(min=0), default=0.0, help="And at least so long for each model.")
@click.option(
    "--sustained",
    metavar="MINUTES",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Keep the device busy for so long, all models together, and report how the medians changed.",
)
@click.option(
    "--ceiling", is_flag=True, help="Report what is reached of the fastest int8 matrix products, measured in between."
)
@click.option("--card", metavar="FILE", help="Card (JSON) for the models that carry none.")
@out_option("Write records.jsonl, table.md, report.html and plot.png there.", metavar="DIR")
@force_option("Write into a folder that has contents.")
@json_option("Print the records as JSON lines instead of the table.")
@quiet_option()
def command(models: tuple[str, ...], out: str | None, force: bool, as_json: bool, quiet: bool, **values: Any) -> None:
    """Measure latency, memory and accuracy of models side by side on this device.

    The models are measured in turns, each in a process of its own; ratios are to the first. How, and what the figures
    are not: docs/benchmarks.md.

    \b
    edgeemo benchmark compare OLD NEW             reports what got slower; exit code 3
    edgeemo benchmark report RECORDS --out FILE   makes a page or Markdown of records
    edgeemo benchmark profile MODEL               times every operator
    Each has --help.
    """
    paths = [existing(find_model(model), "a .tflite model") for model in models]
    options = _options(paths, values)
    folder = new_folder(out, force=force) if out else None
    with Progress(quiet=quiet) as progress:
        records = benchmark(paths, options, progress=progress.update)
    if folder:
        _write_report(records, folder, quiet=quiet)
    if as_json:
        for record in records:
            click.echo(record.to_json())
    else:
        click.echo(text_table(records), nl=False)


command.params.extend(probe_options())


def _options(paths: Sequence[Path], values: Mapping[str, Any]) -> BenchmarkOptions:
    """Return what the command line asks for."""
    if values["data"] is None and values["limit"] is not None:
        raise OptionError("--limit needs --data")
    if values["data"] is None and (values["exclude"] or values["choice"] != Choice()):
        raise OptionError("--classes, --angles and --exclude need --data")
    delegates = values["delegates"]
    if values["delegate_options"] and set(delegates) == {_CPU}:
        raise OptionError("--delegate-option needs a --delegate")
    specs = [None if name == _CPU else DelegateSpec.parse(name, values["delegate_options"]) for name in delegates]
    fallback = read_card_file(values["card"]) if values["card"] else None
    return BenchmarkOptions(
        delegates=specs,
        card=fallback,
        data=_read_data(values, paths, fallback) if values["data"] else None,
        probe_options=own_values(probe_options(), values),
        **{name: values[name] for name in ("runtimes", "threads", "queries", "seconds", "sustained", "ceiling")},
    )


def _read_data(values: Mapping[str, Any], paths: Sequence[Path], fallback: ModelCard | None) -> Dataset:
    cards = [card for card in (read_card(path) or fallback for path in paths) if card]
    images = read_evaluation_set(
        values["data"],
        values["split"],
        skip_bad=values["skip_bad"],
        choice=values["choice"],
        holdout=holdout_of(cards),
    )
    for listed in values["exclude"]:
        kept = exclude_listed(images, listed, tests=True)
        left_out = f"{len(images) - len(kept):,} of {Path(listed).name}"
        images = replace(kept, name=f"{images.name} without {left_out}")
    images = stratified(images, values["limit"]) if values["limit"] else images
    report_left_out(images)
    return images


def _write_report(records: list[BenchmarkRecord], folder: Path, *, quiet: bool) -> None:
    write_records(folder / "records.jsonl", records)
    write_text(folder / "table.md", markdown_table(records))
    write_report(records, folder / "report.html")
    names = ["records.jsonl", "table.md", "report.html"]
    try:
        plot_records(records, folder / "plot.png")
        names.append("plot.png")
    except MissingExtraError as error:
        # The base install has no matplotlib; the plot can be made from the records elsewhere.
        message(f"plot.png is left out: {error}")
    if not quiet:
        message(f"wrote {', '.join(names)} to {folder}")
