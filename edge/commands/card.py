"""``edgeemo models card``: a card for a third-party model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import click

from ..common.errors import OptionError
from ..common.files import new_file, write_text
from ..common.tables import name_values
from ..inspection.third_party import describe_tflite
from ..model.card import ModelCard, card_beside, write_model
from ..model.describe import Description, label_names
from ..vision.preprocess import CHANNELS, NORMALIZATIONS
from .options import force_option, gathered, json_option, out_option, quiet_option

_EXAMPLE = """\b
Example:
  edgeemo models card net.tflite --labels angry,disgust,fear,happy,sad,surprise,neutral --normalization symmetric
"""


@dataclass(frozen=True)
class Facts:
    """Facts about a model that only a person knows; see ``edgeemo models card --help``."""

    labels: str | None
    normalization: str | None
    channels: str | None
    logits: bool
    name: str | None
    license: str | None
    notes: str | None
    card: str | None

    @property
    def description(self) -> Description:
        """The facts that :func:`describe_tflite` takes.

        Raises:
            OptionError: a card was given, and facts that it says already.
        """
        if self.card and (self.labels or self.normalization or self.channels or self.logits):
            raise OptionError("--card says already what --labels, --normalization, --channels and --logits would")
        labels = label_names(self.labels)
        return Description(labels, self.normalization or "", channels=self.channels or "", card=self.card or "")

    def added_to(self, card: ModelCard) -> ModelCard:
        """Return the card with the name, license and notes that were given."""
        given: dict[str, Any] = {"name": self.name, "license": self.license, "notes": self.notes}
        return replace(card, **{key: value for key, value in given.items() if value is not None})


_FACT_OPTIONS = (
    click.option("--labels", metavar="LIST", help="Class names in the order of the outputs."),
    click.option(
        "--normalization",
        metavar="NAME|mean=M;std=S",
        help=f"How pixels from 0 to 255 become values: {', '.join(NORMALIZATIONS)}, or (pixel - M) / S.",
    ),
    click.option("--channels", type=click.Choice(list(CHANNELS)), help="Colors.  [default: by the model]"),
    click.option("--logits", is_flag=True, help="The outputs are logits: the device applies the softmax or sigmoid."),
    click.option("--name", help="Name in tables and plots.  [default: the file's name]"),
    click.option("--license", help="License of the weights."),
    click.option("--notes", help="Note for readers of its figures; printed below every table with them."),
    click.option("--card", metavar="FILE", help="Try this card (JSON) instead of making one."),
)


@click.command("card", epilog=_EXAMPLE)
@click.argument("model", metavar="MODEL.tflite")
@gathered("facts", Facts, _FACT_OPTIONS)
@out_option("Where to write the card.  [default: MODEL.card.json beside the model]")
@click.option("--embed", metavar="FILE", help="Instead: write a copy of the model with the card inside.")
@force_option()
@quiet_option("Write the card without printing it.")
@json_option("Print the card as JSON.")
def command(
    model: str,
    facts: Facts,
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
    description = facts.description
    target = new_file(embed or out or card_beside(model), force=force)
    made = facts.added_to(describe_tflite(model, description, logits=facts.logits))
    if embed:
        with open(model, "rb") as stream:
            write_model(target, stream.read(), made)
    else:
        write_text(target, made.to_json())
    if quiet:
        return
    click.echo(made.to_json() if as_json else name_values(made.rows()), nl=not as_json)
    click.echo(f"wrote {target}", err=True)
