"""A repaired model as a file with its card, and what else somebody might do."""

from __future__ import annotations

from pathlib import Path

from ..edge.line import Line
from ..edge.model.card import Quantization
from ..train.datasets.splits import TrainingData
from ..train.evaluation.predictor import open_predictor
from .float_model import RUN, Source
from .quantize import Quantized, calibrated_on, write_compared
from .sensitivity.mixed_precision import Repaired, repair
from .validation import drift


def quantize_repaired(
    source: Source,
    method: str,
    out: Path,
    *,
    data: TrainingData,
    max_drop: float,
    kept_in: str = "float32",
    calibration_size: int = 500,
    per_channel: bool = True,
    rounding: str = "nearest",
    quiet: bool = False,
) -> tuple[Quantized, Repaired]:
    """Quantize to int8 with as many operators spared as the gate needs; see
    :func:`edgeemo.optimize.sensitivity.mixed_precision.repair`.

    Args:
        source: the float model.
        method: ``int8`` or ``int8-float-io``.
        out: file for the .tflite.
        data: calibration faces come from the training role, every choice hangs on the validation role.
        max_drop: accuracy that may be lost at the upper 95 % bound, percentage points.
        kept_in: ``float32`` or ``int16``.
        calibration_size: training faces, stratified by class.
        per_channel: a scale for each output channel of the weights.
        rounding: of the weights, to begin with.
        quiet: show no progress.
    """
    chosen, pixels = calibrated_on(source, data, calibration_size)
    with Line(quiet=quiet) as line:
        repaired = repair(
            source,
            pixels,
            data.validation,
            max_drop=max_drop,
            kept_in=kept_in,
            float_io=method == "int8-float-io",
            per_channel=per_channel,
            rounding=rounding,
            progress=line.tell,
        )
    recorded = Quantization(
        method,
        chosen.content_hash,
        len(chosen),
        source.seed,
        ranges=repaired.ranges,
        per_channel=per_channel,
        rounding="" if repaired.rounding == "nearest" else repaired.rounding,
        kept=repaired.kept,
    )
    return write_compared(source, repaired.model, recorded, out, data), repaired


def advice(source: Source, result: Quantized, repaired: Repaired | None, max_drop: float, data: TrainingData) -> str:
    """What else would pass the gate, or may be tried.

    A quantization-aware model that stands in the run folder already is measured; otherwise it is a suggestion.
    """
    method = result.card.quantization.method
    made = source.path / f"{source.card.name}-qat.tflite"
    if source.kind == RUN and method != "qat" and made.is_file():
        pixels = data.validation.pixels(source.card.input)
        reference, candidate = source.predictor().predict(pixels), open_predictor(made).predict(pixels)
        worst = drift(data.validation.targets, reference, candidate, source.card.labels).worst_loss
        if worst <= max_drop:
            return f"{made} passes with no float operator: it loses at most {worst:.2f} points on the same images"
        return f"{made} does not pass either: it loses up to {worst:.2f} points on the same images"
    if repaired is None and method in ("int8", "int8-float-io"):
        return "keep the worst operators out of int8 with --repair, or train quantization-aware with --method qat"
    if source.trainable and method != "qat":
        recipe = "" if source.recipe else " --recipe NAME"
        return f"quantization-aware training may do without float operators: --method qat{recipe}"
    return "allow a larger --max-drop, measure on more faces, or train longer"
