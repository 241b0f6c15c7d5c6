"""``edgeemo models``: the models that come with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..common.console import Progress
from ..common.errors import ModelError
from ..common.files import sha256_file
from ..common.tables import name_values, terminal_table
from ..model.card import read_card
from ..model.downloads import DOWNLOADS, fetch, find_download
from ..model.figures import accuracy_text
from ..model.zoo import MANIFEST, ModelZoo, ZooEntry, find_model
from .card import command as card
from .group import CommandGroup
from .options import json_option, models_folder_option, quiet_option


@click.group("models", cls=CommandGroup, short_help="The models that come with the package.")
def command() -> None:
    """List, show and verify the models that come with the package; make cards for third-party models.

    The names of the models that come with the package can be given wherever a MODEL is asked for.

    Example: edgeemo models list
    """


command.add_command(card)


@command.command("list")
@models_folder_option
@json_option()
def list_models(folder: str, as_json: bool) -> None:
    """List name, input, size, cost and accuracy of each model. The accuracy is that of its card, with data and split.

    Example: edgeemo models list
    """
    zoo = ModelZoo.open(folder)
    if as_json:
        click.echo(Path(zoo.folder, MANIFEST).read_text(encoding="utf-8"), nl=False)
        return
    head = ("name", "input", "quantization", "bytes", "M MACs", "accuracy, 95 % CI", "measured on")
    click.echo(terminal_table([head, *map(_row, zoo.entries)], left=(0, 1, 2, 6)))


@command.command("show")
@click.argument("model")
@json_option()
def show(model: str, as_json: bool) -> None:
    """Print the card of MODEL, a shipped name or a .tflite file, and the SHA-256 of its file.

    Example: edgeemo models show edge-res-int8
    """
    path = find_model(model)
    card = read_card(path)
    if card is None:
        raise ModelError(
            f"{path} has no model card",
            expected="a model made by edgeemo quantize, or one with a card beside it",
            hint="make one with edgeemo models card",
        )
    facts: dict[str, Any] = {"file": str(path), "bytes": path.stat().st_size, "sha256": sha256_file(path)}
    if as_json:
        click.echo(json.dumps({**facts, "card": card.to_dict()}, indent=2, ensure_ascii=False))
        return
    size = f"{facts['bytes']:,}"
    click.echo(name_values([("file", str(path)), ("bytes", size), ("SHA-256", facts["sha256"]), *card.rows()]))


@command.command("verify")
@click.argument("model", required=False)
@models_folder_option
@json_option()
def verify(model: str | None, folder: str, as_json: bool) -> None:
    """Compare the files of all models, or of MODEL, with the manifest: size, SHA-256, card and cost.

    Exit code 1 when one differs, is missing, or is not listed.

    Example: edgeemo models verify
    """
    checks = ModelZoo.open(folder).verify(model)
    if as_json:
        value = [{"name": check.name, "problem": check.problem or None} for check in checks]
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        rows = [("model", "finding"), *((check.name, check.problem or "as listed") for check in checks)]
        click.echo(terminal_table(rows, left=(0, 1)))
    if wrong := [check.name for check in checks if check.problem]:
        raise ModelError(
            f"{len(wrong)} of {len(checks)} models are not as listed: {', '.join(wrong)}",
            hint="install edgeemo again, or list new files: edgeemo maintain manifest --write",
        )


@command.command("fetch")
@click.argument("name", metavar=f"[{'|'.join(DOWNLOADS)}]")
@click.option(
    "--from",
    "addresses",
    multiple=True,
    metavar="URL",
    help="Take it from here, a mirror or file:///PATH, instead of where it is published; repeatable.",
)
@quiet_option()
@json_option()
def fetch_file(name: str, addresses: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Download a file that is not part of the package, once, and verify its SHA-256.

    It is kept in the user's cache folder, or in the folder that the environment variable EDGEEMO_CACHE names. A
    download that was cut continues where it ended.

    Example: edgeemo models fetch yunet
    """
    download = find_download(name)
    with Progress(quiet=quiet or as_json) as progress:
        path = fetch(
            download,
            addresses=addresses,
            progress=lambda done, total: progress.update(f"fetching {download.file}, bytes", done, total),
        )
    if as_json:
        facts = {"name": name, "file": str(path), "sha256": download.sha256, "license": download.license}
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(f"{path} ({download.size:,} bytes, {download.license} license)")


def _row(entry: ZooEntry) -> tuple[str, ...]:
    size = entry.card["input"]
    return (
        entry.name,
        f"{size['height']} x {size['width']} {size['channels']}",
        entry.card["quantization"],
        f"{entry.bytes:,}",
        f"{entry.macs / 1e6:.1f}",
        *(accuracy_text(entry.measured) or ("-", "-")),
    )
