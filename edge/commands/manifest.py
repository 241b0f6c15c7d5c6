"""``edgeemo maintain manifest``: list a folder of models."""

from __future__ import annotations

import click

from ..model.zoo import MANIFEST, make_manifest, write_manifest
from .options import models_folder_option


@click.command("manifest")
@models_folder_option
@click.option("--write", is_flag=True, help="Write it into the folder and replace the one that is there.")
def command(folder: str, write: bool) -> None:
    """Make the manifest of a folder of models from its files.

    Example: edgeemo maintain manifest --write
    """
    if not write:
        click.echo(make_manifest(folder), nl=False)
        return
    catalog = write_manifest(folder)
    click.echo(f"wrote {catalog.folder / MANIFEST}: {len(catalog.entries)} models")
