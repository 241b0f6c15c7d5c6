"""``edgeemo quantize``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ...edge.files import new_file
from ..qat_options import QatOptions
from .qat_options import qat_options


@click.command("quantize")
@click.argument("run")
@click.option(
    "--method",
    type=click.Choice(["float32", "int8", "qat"]),
    default="int8",
    show_default=True,
    help="float32 converts only; int8 is post-training; qat trains quantization-aware first.",
)
@click.option("--out", metavar="FILE", help="The .tflite to write.  [default: RUN/<recipe>-<method>.tflite]")
@click.option("--data", metavar="PATH", help="The training data, if it has moved since the training.")
@click.option(
    "--calibration-size", default=500, show_default=True, help="Training faces for post-training calibration."
)
@qat_options
@click.option("--force", is_flag=True, help="Overwrite the .tflite.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    run: str,
    method: str,
    out: str | None,
    data: str | None,
    calibration_size: int,
    qat: QatOptions,
    force: bool,
    as_json: bool,
) -> None:
    """Turn a trained run into a .tflite: full int8, int8 in and out, no floating-point operator left.

    Calibration uses training faces only, stratified by class and drawn by the run's seed; their hash goes into the
    card inside the .tflite.

    Example: edgeemo quantize runs/cnn3 --method qat
    """
    from ...train.run import Run

    source = Run.open(run)
    target = new_file(out or Path(run) / f"{source.card.name}-{method}.tflite", force=force)
    from ..quantize import quantize, training_roles

    roles = training_roles(source, data)
    result = quantize(source, method, target, data=roles, calibration_size=calibration_size, qat=qat, quiet=as_json)
    size = target.stat().st_size
    if as_json:
        figures = {
            "model": str(target),
            "bytes": size,
            "card": result.card.to_dict(),
            "reference": result.reference.to_dict(),
            "accuracy": result.accuracy.to_dict(),
            "agreement": result.agreement,
            "mean_probability_difference": result.difference,
            "skipped": list(qat.skip),
            "fidelity": asdict(result.fidelity) if result.fidelity else None,
        }
        click.echo(json.dumps(figures, indent=2))
        return
    extra = f"against the Keras model that was converted: {result.fidelity}\n" if result.fidelity else ""
    if qat.skip:
        extra += f"left in floating point, as asked: {', '.join(qat.skip)}\n"
    click.echo(
        f"{target}: {size:,} bytes, {method}\n"
        f"validation: float {result.reference}; this model {result.accuracy}\n"
        f"agreement {result.agreement:.2%}, mean difference of probabilities {result.difference:.4f}\n{extra}"
        f"prove it on the test split with: edgeemo validate {run} {target} --data ... --max-drop 1.0"
    )
