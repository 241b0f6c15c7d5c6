"""``edgeemo benchmark MODEL...``: latency and accuracy of models side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ...edge.commands.options import runtime_option
from ...edge.common.console import Progress
from ...edge.common.errors import DataError, MissingExtraError, OptionError
from ...edge.common.files import existing, new_folder, write_text
from ...edge.inference.delegate import DelegateSpec
from ...edge.model.card import read_card, read_card_file
from ...edge.model.zoo import find_model
from ...edge.vision.image import is_image
from ...train.datasets.audit import exclude_listed
from ...train.datasets.options import data_choice, evaluation_data, report_left_out
from ...train.datasets.registry import read_evaluation_set
from ...train.datasets.selection import Choice
from ...train.datasets.splits import holdout_of, stratified
from ..instructions.count import InstructionCounter
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
@click.option("--offline", is_flag=True, help="Measure the throughput of batches as well.")
@click.option(
    "--ceiling", is_flag=True, help="Tell what is reached of the fastest int8 matrix products, measured in between."
)
@click.option(
    "--frames",
    metavar="PATH",
    multiple=True,
    help="Image, or folder of images, of people: times decode, detect and all stages to the label.",
)
@click.option("--card", metavar="FILE", help="Card (JSON) for the models that carry none.")
@click.option(
    "--instructions",
    is_flag=True,
    help="Count executed instructions on emulated processors too (x86-64 with qemu-user): docs/instruction-counts.md.",
)
@click.option(
    "--arm-python",
    "emulated",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    envvar="EDGEEMO_ARM_PYTHON",
    help="Emulated Python for --instructions; give it once for each processor.",
)
@click.option("--out", metavar="DIR", help="Write records.jsonl, table.md, report.html and plot.png there.")
@click.option("--force", is_flag=True, help="Write into a folder that has contents.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON lines instead of the table.")
def command(
    models: tuple[str, ...],
    data: str | None,
    split: str,
    limit: int | None,
    skip_bad: bool,
    choice: Choice,
    exclude: tuple[str, ...],
    runtimes: tuple[str, ...],
    threads: tuple[int, ...],
    delegates: tuple[str, ...],
    delegate_options: tuple[str, ...],
    queries: int,
    seconds: float,
    sustained: float,
    offline: bool,
    ceiling: bool,
    frames: tuple[str, ...],
    card: str | None,
    instructions: bool,
    emulated: tuple[str, ...],
    out: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Measure latency, memory and accuracy of models side by side on this device.

    The models are measured in turns, each in a process of its own; ratios are to the first. How, and what the figures
    are not: docs/benchmarks.md.

    \b
    edgeemo benchmark compare OLD NEW             says what got slower; exit code 3
    edgeemo benchmark report RECORDS --out FILE   makes a page or Markdown of records
    edgeemo benchmark profile MODEL               times every operator
    Each has --help.
    """
    if data is None and limit is not None:
        raise OptionError("--limit needs --data")
    if data is None and (exclude or choice != Choice()):
        raise OptionError("--classes, --angles and --exclude need --data")
    if delegate_options and set(delegates) == {_CPU}:
        raise OptionError("--delegate-option needs a --delegate")
    specs = [None if name == _CPU else DelegateSpec.parse(name, delegate_options) for name in delegates]
    paths = [existing(find_model(model), "a .tflite model") for model in models]
    fallback = read_card_file(card) if card else None
    counter = InstructionCounter(emulated) if instructions else None
    folder = new_folder(out, force=force) if out else None
    images = None
    if data:
        holdout = holdout_of(card for card in (read_card(path) or fallback for path in paths) if card)
        images = read_evaluation_set(data, split, skip_bad=skip_bad, choice=choice, holdout=holdout)
        for listed in exclude:
            kept = exclude_listed(images, listed, tests=True)
            left_out = f"{len(images) - len(kept):,} of {Path(listed).name}"
            images = replace(kept, name=f"{images.name} without {left_out}")
        images = stratified(images, limit) if limit else images
        report_left_out(images)
    with Progress() as progress:
        records = benchmark(
            paths,
            runtimes=runtimes,
            threads=threads,
            delegates=specs,
            queries=queries,
            seconds=seconds,
            sustained=sustained,
            offline=offline,
            ceiling=ceiling,
            frames=[image for frame in frames for image in _images(frame)],
            data=images,
            card=fallback,
            counter=counter,
            progress=progress.update,
        )
    if folder:
        _write_report(records, folder)
    if as_json:
        for record in records:
            click.echo(record.to_json())
    else:
        click.echo(text_table(records), nl=False)


def _images(place: str) -> list[Path]:
    path = existing(place, "an image, or a folder of images")
    if not path.is_dir():
        return [path]
    found = sorted(image for image in path.iterdir() if is_image(image))
    if not found:
        raise DataError(f"{path} has no images", expected="images with faces", hint="check the path")
    return found


def _write_report(records: list[BenchmarkRecord], folder: Path) -> None:
    write_records(folder / "records.jsonl", records)
    write_text(folder / "table.md", markdown_table(records))
    write_report(records, folder / "report.html")
    names = ["records.jsonl", "table.md", "report.html"]
    try:
        plot_records(records, folder / "plot.png")
        names.append("plot.png")
    except MissingExtraError as error:
        # The base install has no matplotlib; the plot can be made from the records elsewhere.
        click.echo(f"plot.png is left out: {error!s}", err=True)
    click.echo(f"wrote {', '.join(names)} to {folder}", err=True)
