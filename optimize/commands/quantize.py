"""``edgeemo quantize``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ...edge.common.errors import DataError, GateError, OptionError
from ...edge.common.files import new_file, new_folder, write_json
from ..methods import METHODS
from ..options import QuantizeOptions
from .options import ModelArgument, Output, float_model_options, output_options
from .quantize_options import GateOptions, gate_options, quantize_options

if TYPE_CHECKING:
    from ...train.datasets.splits import TrainingData
    from ..float_model import FloatModel
    from ..quantize import Quantized
    from ..sensitivity.mixed_precision import MixedPrecision

#: Bad figures on images that the model may have been trained on are too good, never too bad.
_CAVEAT = "measured on training images that the model may have seen: prove it with edgeemo validate on others"


@click.command("quantize")
@float_model_options
@click.option("--recipe", metavar="NAME", help="Recipe by which qat trains a tf_keras model that is no run.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draws for a model that is no run.")
@quantize_options
@gate_options
@click.option(
    "--calibration-study", metavar="DIR", help="Instead: how accuracy depends on the calibration size; table and plot."
)
@output_options("The .tflite to write.  [default: <name>-<method>.tflite beside the model]")
def command(
    source: ModelArgument,
    recipe: str | None,
    seed: int,
    method: str,
    options: QuantizeOptions,
    gate: GateOptions,
    calibration_study: str | None,
    output: Output,
) -> None:
    """Turn a trained model into a .tflite; by default full int8: int8 in and out, no floating-point operator left.

    RUN_OR_MODEL is a run folder, a .keras or .h5 file (tf_keras or Keras 3), a SavedModel folder, or a float .tflite
    (a file, or the name of one that ships).
    Calibration uses training faces only, stratified by class and drawn by the run's seed; their hash goes into the
    card inside the .tflite. With --max-drop the exit code is 3 when more is lost at the upper 95 % bound.

    Example: edgeemo quantize runs/cnn3 --max-drop 1.0 --mixed-precision
    """
    gate.check(method)
    if calibration_study:
        _require_plain_study(
            ignored=("method", "calibration_size", "calibration_method", "rounding", "per_tensor", "max_drop")
        )
    METHODS.load(method).check(options)
    from ..data_splits import model_splits
    from ..float_model import open_float_model
    from ..quantize import default_path

    float_model = _with_recipe(open_float_model(source.path, source.description, seed=seed), recipe)
    if calibration_study:
        _study(float_model, model_splits(float_model, source.data), calibration_study, output)
        return
    target = new_file(output.out or default_path(float_model, method), force=output.force)
    splits = model_splits(float_model, source.data)
    if gate.max_drop is not None and splits is None:
        raise DataError("the gate needs faces to measure with", hint="give them with --data")
    result, mixed = _quantize(float_model, method, target, options, splits, gate, quiet=output.silent)
    click.echo(_document(result, mixed, options) if output.as_json else _report(float_model, result, mixed, options))
    if gate.max_drop is not None and splits is not None:
        _judge(float_model, result, mixed, gate.max_drop, splits, output)


def _quantize(
    float_model: FloatModel,
    method: str,
    target: Path,
    options: QuantizeOptions,
    splits: TrainingData | None,
    gate: GateOptions,
    *,
    quiet: bool,
) -> tuple[Quantized, MixedPrecision | None]:
    from ..quantize import quantize, quantize_mixed_precision

    result = quantize(float_model, method, target, options, data=splits, quiet=quiet)
    if not gate.mixed_precision or gate.max_drop is None or splits is None or result.compared.passes(gate.max_drop):
        return result, None
    return quantize_mixed_precision(
        float_model,
        METHODS.load(method),
        target,
        options,
        data=splits,
        max_drop=gate.max_drop,
        kept_in=gate.mixed_precision_in,
        quiet=quiet,
    )


def _require_plain_study(ignored: Sequence[str]) -> None:
    """Refuse options that a study would ignore."""
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in ignored and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise OptionError(
            "--calibration-study quantizes to int8 by the smallest and largest values seen, with sets of many sizes: "
            f"leave {', '.join(given)} away"
        )


def _with_recipe(float_model: FloatModel, recipe: str | None) -> FloatModel:
    if recipe is None or float_model.recipe is not None:
        return float_model
    from dataclasses import replace

    from ...train.config.recipe import load_recipe

    loaded = load_recipe(recipe)
    return replace(float_model, recipe=replace(loaded, input=float_model.card.input, task=float_model.card.task))


def _study(float_model: FloatModel, splits: TrainingData | None, where: str, output: Output) -> None:
    if splits is None:
        raise DataError("a study needs faces to calibrate on and to measure with", hint="give them with --data")
    folder = new_folder(where, force=output.force)
    from ...edge.common.console import Progress
    from ..sensitivity.calibration_study import plot_study, study

    with Progress(quiet=output.silent) as display:
        result = study(float_model, splits, progress=lambda done, of: display.update("calibration set", done + 1, of))
    write_json(folder / "calibration.json", result.to_dict())
    plot_study(result, folder / "calibration.png")
    click.echo(json.dumps(result.to_dict(), indent=2) if output.as_json else result.table())


def _document(result: Quantized, mixed: MixedPrecision | None, options: QuantizeOptions) -> str:
    figures: dict[str, Any] = {
        "model": str(result.path),
        "bytes": result.path.stat().st_size,
        "card": result.card.to_dict(),
    }
    if result.accuracy_change:
        figures |= {
            "reference": result.reference.to_dict(),
            "accuracy": result.accuracy.to_dict(),
            "agreement": result.agreement,
            "mean_probability_difference": result.difference,
            "drift": result.accuracy_change.to_dict(),
        }
    if result.fidelity:
        figures |= {"fidelity": asdict(result.fidelity), "skipped": list(options.qat.skip)}
    if mixed:
        figures["mixed_precision"] = mixed.to_dict()
    return json.dumps(figures, indent=2)


def _engine(result: Quantized) -> str:
    engine = result.card.quantization.engine
    return f"converted by {engine}" if engine else "as it was"


def _report(float_model: FloatModel, result: Quantized, mixed: MixedPrecision | None, options: QuantizeOptions) -> str:
    lines = [mixed.table() + "\n"] if mixed else []
    lines.append(
        f"{result.path}: {result.path.stat().st_size:,} bytes, {result.card.quantization.method}, {_engine(result)}"
    )
    if result.accuracy_change:
        lines += [
            f"validation: float {result.reference}; this model {result.accuracy}",
            f"agreement {result.agreement:.2%}, mean difference of probabilities {result.difference:.4f}",
        ]
    if result.fidelity:
        lines.append(f"against the Keras model that was converted: {result.fidelity}")
    if options.qat.skip:
        lines.append(f"left in floating point, as asked: {', '.join(options.qat.skip)}")
    if result.accuracy_change and float_model.kind != "a run":
        lines.append(_CAVEAT)
    elif float_model.kind == "a run":
        proof = f"edgeemo validate {float_model.path} {result.path} --data ... --max-drop 1.0"
        lines.append(f"prove it on the test split with: {proof}")
    return "\n".join(lines)


def _judge(
    float_model: FloatModel,
    result: Quantized,
    mixed: MixedPrecision | None,
    max_drop: float,
    splits: TrainingData,
    output: Output,
) -> None:
    from ..quantize import advice

    worst = result.compared.worst_loss
    verdict = f"the loss is at most {worst:.2f} points (upper 95 % bound, validation split), allowed are {max_drop:g}"
    if not result.compared.passes(max_drop):
        raise GateError(f"gate failed: {verdict}", hint=advice(float_model, result, mixed, max_drop, splits))
    if not output.as_json:
        click.echo(f"gate passed: {verdict}")
    if mixed and mixed.kept and not output.as_json:
        click.echo(advice(float_model, result, mixed, max_drop, splits))
