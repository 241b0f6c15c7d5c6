"""``edgeemo models card``: a card for a third-party model."""

from __future__ import annotations

from dataclasses import replace

import click

from ..common.errors import OptionError
from ..common.files import new_file, write_text
from ..common.tables import name_values
from ..inspection.third_party import describe_tflite
from ..model.card import card_beside, write_model
from ..model.describe import Description, label_names
from ..vision.preprocess import CHANNELS, NORMALIZATIONS
from .options import force_option, json_option, out_option, quiet_option

_EXAMPLE = """\b
Example:
  edgeemo models card theirs.tflite --labels angry,disgust,fear,happy,sad,surprise,neutral --normalization symmetric
"""


@click.command("card", epilog=_EXAMPLE)
@click.argument("model", metavar="MODEL.tflite")
@click.option("--labels", metavar="LIST", help="Its classes in the order of its outputs.")
@click.option(
    "--normalization",
    metavar="NAME|mean=M;std=S",
    help=f"How pixels from 0 to 255 become values: {', '.join(NORMALIZATIONS)}, or (pixel - M) / S.",
)
@click.option("--channels", type=click.Choice(list(CHANNELS)), help="Colors.  [default: by the model]")
@click.option("--logits", is_flag=True, help="Its answers are logits: softmax or the sigmoid is left to the device.")
@click.option("--name", help="By which tables and plots call it.  [default: the file's name]")
@click.option("--license", help="Of the weights.")
@click.option("--notes", help="What a reader of its figures must know; stands below every table with them.")
@click.option("--card", metavar="FILE", help="Try this card (JSON) instead of making one.")
@out_option("Where to write the card.  [default: MODEL.card.json beside the model]")
@click.option("--embed", metavar="FILE", help="Instead: write a copy of the model with the card inside.")
@force_option()
@quiet_option("Write the card without printing it.")
@json_option("Print the card as JSON.")
def command(
    model: str,
    labels: str | None,
    normalization: str | None,
    channels: str | None,
    logits: bool,
    name: str | None,
    license: str | None,
    notes: str | None,
    card: str | None,
    out: str | None,
    embed: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the card of a third-party MODEL.tflite, so that every command takes it.

    Size, colors and quantization are read from the file; labels and normalization have to be given. The card is
    compared with the model and tried on black, white and noise, then written beside it, where it is found: the model's
    own bytes stay as they are. docs/third-party-models.md explains the fields.
    """
    if out and embed:
        raise OptionError("--out and --embed do not go together")
    if card and (labels or normalization or channels or logits):
        raise OptionError("--card says already what --labels, --normalization, --channels and --logits would")
    target = new_file(embed or out or card_beside(model), force=force)
    said = Description(label_names(labels), normalization or "", channels=channels or "", card=card or "")
    made = describe_tflite(model, said, logits=logits)
    made = replace(
        made,
        name=made.name if name is None else name,
        license=made.license if license is None else license,
        notes=made.notes if notes is None else notes,
    )
    if embed:
        with open(model, "rb") as stream:
            write_model(target, stream.read(), made)
    else:
        write_text(target, made.to_json())
    if quiet:
        return
    click.echo(made.to_json() if as_json else name_values(made.rows()), nl=not as_json)
    click.echo(f"wrote {target}", err=True)
