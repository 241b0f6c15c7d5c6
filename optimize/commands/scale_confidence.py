"""``edgeemo scale-confidence``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from ...edge.commands.options import runtime_option
from ...edge.common.errors import ModelError, OptionError
from ...edge.common.files import new_file
from .options import Output, output_options

if TYPE_CHECKING:
    from ...edge.model.card import ModelCard
    from ...train.datasets.dataset import Dataset


@click.command("scale-confidence")
@click.argument("model")
@click.option("--run", metavar="RUN", help="The run that MODEL comes from: its validation split is used.")
@click.option("--data", metavar="PATH", help="The run's data, if it has moved; without --run, data to fit on.")
@click.option("--split", default="validation", show_default=True, help="Without --run: which split of --data.")
@runtime_option()
@output_options("The .tflite to write; without it, MODEL itself with --force.")
def command(
    model: str,
    run: str | None,
    data: str | None,
    split: str,
    runtime: str,
    output: Output,
) -> None:
    """Scale the confidences of MODEL, a .tflite, so that they match its accuracy (temperature scaling).

    One temperature is fitted on validation images and stored in the model's card; predict, run and evaluate then
    return the scaled probabilities. The predicted labels and the model's own bytes do not change. Nothing is written
    if the calibration error would not decrease.

    Example: edgeemo scale-confidence runs/cnn3/fer-cnn3-int8.tflite --run runs/cnn3 --out scaled.tflite
    """
    from dataclasses import replace

    from ...edge.inference.classifier import Classifier
    from ...edge.model.card import write_model
    from ...train.evaluation.predictor import predict_dataset
    from ..temperature_scaling import fit_temperature

    if not run and not data:
        raise OptionError("give --run RUN, or --data PATH with a validation split")
    # Where the model is a link, what it leads to is written.
    target = new_file(output.out or os.path.realpath(model), force=output.force)
    classifier = Classifier.open(model, runtime=runtime)
    card = classifier.card
    # A temperature that is there already is replaced, not added to.
    plain = replace(classifier, card=replace(card, temperature=1.0))
    dataset = _validation_split(run, card, data) if run else _split(str(data), split)
    targets, probabilities = predict_dataset(plain, dataset)
    found = fit_temperature(targets, probabilities, floor=classifier.floor)
    if not found.helps:
        raise ModelError(
            f"no temperature makes {model} better calibrated: the likeliest, {found.value:g}, leaves a calibration "
            f"error of {found.after.calibration_error:.4f} where {found.before.calibration_error:.4f} was",
            hint=f"leave it as it is; a perfect model would show {found.chance:.4f} on {found.n:,} images by chance",
        )
    with open(model, "rb") as stream:
        write_model(target, stream.read(), found.card(card, dataset))
    if output.as_json:
        click.echo(json.dumps({"model": str(target), "data": dataset.name, **found.to_dict()}, indent=2))
        return
    click.echo(f"{target}: temperature {found.value:g}, fitted on {found.n:,} validation images of {dataset.name}")
    for name, item in (("before", found.before), ("after", found.after)):
        click.echo(
            f"{name:>6}: calibration error {item.calibration_error:.4f}, overconfidence {item.overconfidence:+.4f}, "
            f"negative log-likelihood {item.nll:.4f}"
        )
    click.echo(f"by chance alone a perfectly calibrated model would show an error of {found.chance:.4f} here")


def _validation_split(run: str, card: ModelCard, source: str | None) -> Dataset:
    from ...train.fit.run import Run
    from ..temperature_scaling import validation_split

    return validation_split(Run.open(run), card, source)


def _split(source: str, split: str) -> Dataset:
    from ...train.datasets.registry import read_evaluation_set

    dataset = read_evaluation_set(source, split)
    if others := sorted({sample.split for sample in dataset.samples} - {"validation"}):
        raise ModelError(
            f"a temperature is fitted on validation images, and {dataset.name} has others here",
            expected="split validation",
            got=", ".join(others),
            hint="put images that the model has not seen into a folder validation/, or give its --run",
        )
    return dataset
