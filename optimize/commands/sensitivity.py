"""``edgeemo sensitivity``."""

from __future__ import annotations

import json
from typing import Any

import click

from ...edge.common.errors import DataError
from ...edge.common.files import new_file, write_json
from .options import float_model_options, rounding_option


@click.command("sensitivity")
@click.argument("model", metavar="RUN_OR_MODEL")
@float_model_options
@click.option("--calibration-size", default=500, show_default=True, help="Training faces to calibrate on.")
@click.option(
    "--images",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Faces of the validation role to measure on, stratified by class.",
)
@rounding_option("Of the weights, as with edgeemo quantize.")
@click.option("--rows", type=click.IntRange(1), help="Rows of the table.  [default: all]")
@click.option("--plot", metavar="FILE", help="Draw the ranking (.png or .svg).")
@click.option("--out", metavar="FILE", help="Write the ranking as JSON.")
@click.option("--force", is_flag=True, help="Overwrite plot and JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the ranking as JSON.")
def command(
    model: str,
    description: Any,
    data: str | None,
    calibration_size: int,
    images: int,
    rounding: str,
    rows: int | None,
    plot: str | None,
    out: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Rank the operators of a float model by the damage that quantizing each to int8 does.

    Every operator is quantized alone (its signal-to-noise ratio, the divergence of the output, the accuracy), and
    spared alone while all others are int8. Measured on the validation role, never on test images.

    Example: edgeemo sensitivity runs/cnn3 --plot sensitivity.png
    """
    from ...edge.common.console import Progress
    from ..data_splits import model_splits
    from ..float_model import open_float_model

    drawn = new_file(plot, force=force) if plot else None
    written = new_file(out, force=force) if out else None
    float_model = open_float_model(model, description)
    roles = model_splits(float_model, data)
    if roles is None:
        raise DataError(
            "the ranking needs faces to calibrate on and to measure with",
            expected="faces of the kind the model was trained on",
            hint="give them with --data",
        )
    from ..sensitivity.ranking import measure_sensitivity, plot_sensitivity

    with Progress(quiet=as_json) as display:
        result = measure_sensitivity(
            float_model,
            roles,
            calibration_size=calibration_size,
            images=images,
            rounding=rounding,
            progress=lambda done, of: display.update("operator", done + 1, of),
        )
    if drawn:
        plot_sensitivity(result, drawn, title=float_model.card.name)
    if written:
        write_json(written, result.to_dict())
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else f"{float_model.card.name}: {result.table(rows)}")
