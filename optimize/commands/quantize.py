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
from ...edge.model.zoo import FOLDER
from ..qat.options import QatOptions
from .options import float_model_options, rounding_option
from .qat_options import qat_options

if TYPE_CHECKING:
    from ...train.datasets.splits import TrainingData
    from ..float_model import FloatModel
    from ..quantize import Quantized
    from ..sensitivity.mixed_precision import MixedPrecision

_METHODS = ["float32", "float16", "dynamic", "int8", "int8-float-io", "int16x8", "qat"]
#: Bad figures on images that the model may have been trained on are too good, never too bad.
_CAVEAT = "measured on training images that the model may have seen: prove it with edgeemo validate on others"


@click.command("quantize")
@click.argument("model", metavar="RUN_OR_MODEL")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="int8",
    show_default=True,
    help="qat trains quantization-aware first; all others are post-training.",
)
@click.option("--out", metavar="FILE", help="The .tflite to write.  [default: <name>-<method>.tflite in or beside it]")
@float_model_options
@click.option("--recipe", metavar="NAME", help="How qat goes on training a tf_keras model that is no run.")
@click.option("--seed", default=0, show_default=True, help="Of the draws for a model that is no run.")
@click.option(
    "--calibration-size", default=500, show_default=True, help="Training faces for post-training calibration."
)
@click.option(
    "--calibration-method",
    type=click.Choice(["minmax", "percentile", "mse"]),
    default="minmax",
    show_default=True,
    help="How activation ranges are estimated, for int8 and int8-float-io.",
)
@rounding_option("Weight rounding of methods that calibrate; gptq compensates errors on the calibration faces.")
@click.option("--per-tensor", is_flag=True, help="One scale for each weight tensor instead of one for each channel.")
@click.option("--max-drop", type=float, help="Gate: accuracy that may be lost on the validation role, points.")
@click.option("--mixed-precision", is_flag=True, help="Keep the worst operators out of int8 until the gate passes.")
@click.option(
    "--mixed-precision-in",
    type=click.Choice(["float32", "int16"]),
    default="float32",
    show_default=True,
    help="Type of the operators that --mixed-precision keeps out of int8.",
)
@click.option(
    "--calibration-study", metavar="DIR", help="Instead: how drift depends on the calibration size; table and plot."
)
@qat_options
@click.option("--force", is_flag=True, help="Overwrite the .tflite.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: str,
    method: str,
    out: str | None,
    description: Any,
    data: str | None,
    recipe: str | None,
    seed: int,
    calibration_size: int,
    calibration_method: str,
    rounding: str,
    per_tensor: bool,
    max_drop: float | None,
    mixed_precision: bool,
    mixed_precision_in: str,
    calibration_study: str | None,
    qat: QatOptions,
    force: bool,
    as_json: bool,
) -> None:
    """Turn a trained model into a .tflite; by default full int8: int8 in and out, no floating-point operator left.

    RUN_OR_MODEL is a run folder, a .keras or .h5 file (tf_keras or Keras 3), a SavedModel folder, or a float .tflite
    (a file, or the name of one that ships).
    Calibration uses training faces only, stratified by class and drawn by the run's seed; their hash goes into the
    card inside the .tflite. With --max-drop the exit code is 3 when more is lost at the upper 95 % bound.

    Example: edgeemo quantize runs/cnn3 --max-drop 1.0 --mixed-precision
    """
    _check_options(method, max_drop, mixed_precision)
    if calibration_study:
        _require_plain_study(
            ignored=("method", "calibration_size", "calibration_method", "rounding", "per_tensor", "max_drop")
        )
    from ..data_splits import model_splits
    from ..float_model import open_float_model
    from ..quantize import check_method, quantize

    check_method(method, calibration_method, rounding)
    float_model = _with_recipe(open_float_model(model, description, seed=seed), recipe)
    if calibration_study:
        _study(float_model, model_splits(float_model, data), calibration_study, force, as_json)
        return
    target = new_file(out or _beside(float_model, method), force=force)
    roles = model_splits(float_model, data)
    if max_drop is not None and roles is None:
        raise DataError("the gate needs faces to measure with", hint="give them with --data")
    result = quantize(
        float_model,
        method,
        target,
        data=roles,
        calibration_size=calibration_size,
        calibration_method=calibration_method,
        rounding=rounding,
        per_channel=not per_tensor,
        qat=qat,
        quiet=as_json,
    )
    mixed = None
    if mixed_precision and roles is not None and max_drop is not None and not result.compared.passes(max_drop):
        from ..quantize import quantize_mixed_precision

        result, mixed = quantize_mixed_precision(
            float_model,
            method,
            target,
            data=roles,
            max_drop=max_drop,
            kept_in=mixed_precision_in,
            calibration_size=calibration_size,
            per_channel=not per_tensor,
            rounding=rounding,
            quiet=as_json,
        )
    click.echo(_document(result, mixed, qat) if as_json else _report(float_model, result, mixed, qat))
    if max_drop is not None and roles is not None:
        _gate(float_model, result, mixed, max_drop, roles, as_json)


def _check_options(method: str, max_drop: float | None, mixed_precision: bool) -> None:
    if max_drop is not None and max_drop < 0:
        raise OptionError("--max-drop must not be negative: give the points that may be lost, as 1.0")
    if mixed_precision and max_drop is None:
        raise OptionError("--mixed-precision needs --max-drop: it stops when that gate passes")
    if mixed_precision and method not in ("int8", "int8-float-io"):
        raise OptionError("--mixed-precision goes with --method int8 or int8-float-io")


def _require_plain_study(ignored: Sequence[str]) -> None:
    """Nothing that is asked for may be left out without a word."""
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


def _beside(float_model: FloatModel, method: str) -> Path:
    folder = float_model.path if float_model.kind == "a run" else float_model.path.parent
    if folder.is_relative_to(FOLDER):
        # The package's own folder is no place for what somebody makes of its models.
        folder = Path()
    return folder / f"{float_model.card.name}-{method}.tflite"


def _study(float_model: FloatModel, roles: TrainingData | None, where: str, force: bool, as_json: bool) -> None:
    if roles is None:
        raise DataError("a study needs faces to calibrate on and to measure with", hint="give them with --data")
    folder = new_folder(where, force=force)
    from ...edge.common.console import Progress
    from ..sensitivity.calibration_study import plot_study, study

    with Progress(quiet=as_json) as display:
        result = study(float_model, roles, progress=lambda done, of: display.update("calibration set", done + 1, of))
    write_json(folder / "calibration.json", result.to_dict())
    plot_study(result, folder / "calibration.png")
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else result.table())


def _document(result: Quantized, mixed: MixedPrecision | None, qat: QatOptions) -> str:
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
        figures |= {"fidelity": asdict(result.fidelity), "skipped": list(qat.skip)}
    if mixed:
        figures["mixed_precision"] = mixed.to_dict()
    return json.dumps(figures, indent=2)


def _report(float_model: FloatModel, result: Quantized, mixed: MixedPrecision | None, qat: QatOptions) -> str:
    lines = [mixed.table() + "\n"] if mixed else []
    lines.append(f"{result.path}: {result.path.stat().st_size:,} bytes, {result.card.quantization.method}")
    if result.accuracy_change:
        lines += [
            f"validation: float {result.reference}; this model {result.accuracy}",
            f"agreement {result.agreement:.2%}, mean difference of probabilities {result.difference:.4f}",
        ]
    if result.fidelity:
        lines.append(f"against the Keras model that was converted: {result.fidelity}")
    if qat.skip:
        lines.append(f"left in floating point, as asked: {', '.join(qat.skip)}")
    if result.accuracy_change and float_model.kind != "a run":
        lines.append(_CAVEAT)
    elif float_model.kind == "a run":
        proof = f"edgeemo validate {float_model.path} {result.path} --data ... --max-drop 1.0"
        lines.append(f"prove it on the test split with: {proof}")
    return "\n".join(lines)


def _gate(
    float_model: FloatModel,
    result: Quantized,
    mixed: MixedPrecision | None,
    max_drop: float,
    data: TrainingData,
    as_json: bool,
) -> None:
    from ..quantize import advice

    worst = result.compared.worst_loss
    verdict = f"the loss is at most {worst:.2f} points (upper 95 % bound, validation role), allowed are {max_drop:g}"
    if not result.compared.passes(max_drop):
        raise GateError(f"gate failed: {verdict}", hint=advice(float_model, result, mixed, max_drop, data))
    if not as_json:
        click.echo(f"gate passed: {verdict}")
    if mixed and mixed.kept and not as_json:
        click.echo(advice(float_model, result, mixed, max_drop, data))
