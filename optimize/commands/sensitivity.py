"""``edgeemo sensitivity``."""

from __future__ import annotations

import json

import click

from ...edge.common.errors import DataError
from ...edge.common.files import new_file, write_json
from .options import ModelArgument, Output, float_model_options, output_options, rounding_option


@click.command("sensitivity")
@float_model_options
@click.option("--calibration-size", default=500, show_default=True, help="Training faces to calibrate on.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Faces of the validation split to measure on, stratified by class.",
)
@rounding_option("Weight rounding, as of edgeemo quantize.")
@click.option("--rows", type=click.IntRange(1), help="Rows of the table.  [default: all]")
@click.option("--plot", metavar="FILE", help="Draw the ranking (.png or .svg).")
@output_options("Write the ranking as JSON.", force_help="Overwrite plot and JSON.")
def command(
    source: ModelArgument,
    calibration_size: int,
    limit: int,
    rounding: str,
    rows: int | None,
    plot: str | None,
    output: Output,
) -> None:
    """Rank the operators of a float model by the damage that quantizing each to int8 does.

    Every operator is quantized alone (its signal-to-noise ratio, the divergence of the output, the accuracy), and
    kept alone in float while all others are int8. Measured on the validation split, never on test images.

    Example: edgeemo sensitivity runs/cnn3 --plot sensitivity.png
    """
    from ...edge.common.console import Progress
    from ..data_splits import model_splits
    from ..float_model import open_float_model

    drawn = new_file(plot, force=output.force) if plot else None
    written = new_file(output.out, force=output.force) if output.out else None
    float_model = open_float_model(source.path, source.description)
    splits = model_splits(float_model, source.data)
    if splits is None:
        raise DataError(
            "the ranking needs faces to calibrate on and to measure with",
            expected="faces of the kind the model was trained on",
            hint="give them with --data",
        )
    from ..sensitivity.ranking import measure_sensitivity, plot_sensitivity

    with Progress(quiet=output.silent) as display:
        result = measure_sensitivity(
            float_model,
            splits,
            calibration_size=calibration_size,
            images=limit,
            rounding=rounding,
            progress=lambda done, of: display.update("operator", done + 1, of),
        )
    if drawn:
        plot_sensitivity(result, drawn, title=float_model.card.name)
    if written:
        write_json(written, result.to_dict())
    click.echo(
        json.dumps(result.to_dict(), indent=2) if output.as_json else f"{float_model.card.name}: {result.table(rows)}"
    )
