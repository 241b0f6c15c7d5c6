"""Sensitivity of a model to the quantization of each operator: each is quantized alone, and each is kept alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.plotting import figure, save_figure
from ...edge.common.tables import aligned
from ...edge.model.card import ModelCard
from ...edge.vision.preprocess import normalize
from ...train.datasets.splits import TrainingData, calibration_set, stratified
from ..converters.activation_ranges import ActivationProbe, observe_activations
from ..converters.ai_edge import SelectiveQuantizer
from ..converters.gptq import GptqRounding
from ..converters.representative_set import calibration_pixels
from ..float_model import FloatModel
from .scoring import EvalSet, Score

#: Images for the signal-to-noise ratio: it is a mean over every value of an activation.
_SNR_IMAGES = 32
#: What the converter and Keras append to the name of a layer.
_TRAILERS = re.compile(
    r"/(Conv2D\d*|depthwise\d*|FusedBatchNormV3\d*|MatMul\d*|BiasAdd\d*(/ReadVariableOp\d*)?|Relu6?\d*|Mean|MaxPool"
    r"|add)$"
)


@dataclass(frozen=True)
class LayerScore:
    """Effect of quantizing one operator.

    Args:
        operator: kind of operator (``CONV_2D``).
        layer: readable name.
        tensor: tensor that it writes, which identifies it.
        snr: signal-to-noise ratio of its output when it alone is quantized, dB; infinite without any noise.
        kl: mean Kullback-Leibler divergence of the output from the float model's when it alone is quantized, nats.
        alone: accuracy when it alone is quantized.
        kept: accuracy when all others are quantized.
        kept_kl: divergence of the output when all others are quantized, nats.
    """

    operator: str
    layer: str
    tensor: str
    snr: float
    kl: float
    alone: float
    kept: float
    kept_kl: float


@dataclass(frozen=True)
class Sensitivity:
    """Operators ranked by the damage of quantizing each.

    Args:
        n: images of the validation split.
        reference: accuracy of the float model.
        full: accuracy of the int8 model.
        full_kl: its divergence from the float model, nats.
        shares: one for each operator that can be quantized; the one that does most damage alone comes first.
    """

    n: int
    reference: float
    full: float
    full_kl: float
    scores: tuple[LayerScore, ...]

    def gain(self, score: LayerScore) -> float:
        """Return the share of the whole divergence that is gone when this operator is kept in float."""
        return (self.full_kl - score.kept_kl) / self.full_kl if self.full_kl > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the ranking for JSON; an infinite ratio becomes null."""
        scores = []
        for score in self.scores:
            row = {**asdict(score), "gain": self.gain(score)}
            scores.append({**row, "snr": score.snr if math.isfinite(score.snr) else None})
        return {
            "n": self.n,
            "float_accuracy": self.reference,
            "int8_accuracy": self.full,
            "int8_kl": self.full_kl,
            "operators": scores,
        }

    def table(self, most: int | None = None) -> str:
        """Return a table.

        Args:
            most: rows to show; None for all.
        """
        rows = [["operator", "layer", "SNR dB", "KL alone", "accuracy alone", "KL kept", "accuracy kept", "gain"]]
        for score in self.scores[:most]:
            rows.append(
                [
                    score.operator,
                    score.layer,
                    f"{score.snr:.1f}" if math.isfinite(score.snr) else "-",
                    f"{score.kl:.5f}",
                    f"{score.alone:.2%}",
                    f"{score.kept_kl:.5f}",
                    f"{score.kept:.2%}",
                    f"{self.gain(score):+.0%}",
                ]
            )
        return (
            f"float {self.reference:.2%}, int8 {self.full:.2%}, KL {self.full_kl:.5f} nats, n = {self.n:,}\n\n"
            + aligned(rows, left=(0, 1))
        )


@dataclass(frozen=True)
class Context:
    """Validation set, and a model that can be quantized in part.

    Args:
        eval_set: validation images with the float model's probabilities.
        quantizer: the model and the ranges of its activations.
        card: of the model.
    """

    eval_set: EvalSet
    quantizer: SelectiveQuantizer
    card: ModelCard

    @classmethod
    def of(
        cls,
        model: bytes,
        card: ModelCard,
        calibration: np.ndarray,
        eval_set: EvalSet,
        ranges: str = "minmax",
        rounding: str = "nearest",
    ) -> Context:
        """Calibrate a float .tflite.

        Args:
            model: the flatbuffer.
            card: its card.
            calibration: uint8 (n, height, width, channels).
            eval_set: the images to measure on.
            ranges: see :data:`edgeemo.optimize.options.CALIBRATION_METHODS`.
            rounding: of the weights, see :data:`edgeemo.optimize.options.ROUNDINGS`.
        """
        seen = observe_activations(model, card.input, calibration)
        together = GptqRounding(model, card.input, calibration) if rounding == "gptq" else None
        clip = {name: found.clip(ranges) for name, found in seen.items()}
        return cls(eval_set, SelectiveQuantizer(model, clip, together), card)

    def score(self, model: bytes) -> Score:
        """Score a quantized model."""
        return self.eval_set.evaluate(model, self.card)


def rank_operators(context: Context, *, progress: Callable[[int, int], None] | None = None) -> Sensitivity:
    """Rank the operators of a model.

    Args:
        context: the model and the images.
        progress: called with the operators done and their total.
    """
    quantizer = context.quantizer
    full = context.score(quantizer.quantize())
    pixels = context.eval_set.pixels[:_SNR_IMAGES]
    scores: list[LayerScore] = []
    for position, (operator, name) in enumerate(zip(quantizer.operators, quantizer.names, strict=True)):
        if progress:
            progress(position, len(quantizer.names))
        one = quantizer.quantize(only=[name])
        if one == quantizer.model:
            # The quantizer knows no integer form of it.
            continue
        alone, kept = context.score(one), context.score(quantizer.quantize(kept=[name]))
        snr = signal_to_noise(quantizer.model, one, name, pixels, context.card)
        scores.append(
            LayerScore(operator.name, layer_name(name), name, snr, alone.kl, alone.accuracy, kept.accuracy, kept.kl)
        )
    scores.sort(key=lambda score: -score.kl)
    return Sensitivity(len(context.eval_set.targets), context.eval_set.accuracy, full.accuracy, full.kl, tuple(scores))


def measure_sensitivity(
    float_model: FloatModel,
    data: TrainingData,
    *,
    calibration_size: int = 500,
    images: int = 1000,
    rounding: str = "nearest",
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivity:
    """Rank the operators of a float model of any kind.

    Args:
        float_model: the model.
        data: calibration faces are drawn from the training split, images to measure on from the validation split.
        calibration_size: faces to calibrate on, stratified by class.
        images: to measure on, stratified by class; all when there are fewer.
        rounding: of the weights, see :data:`edgeemo.optimize.options.ROUNDINGS`.
        progress: called with the operators done and their total.

    Raises:
        EdgeemoError: the model cannot be converted, or ai-edge-quantizer is not installed.
    """
    model, card = float_model.float_flatbuffer(), float_model.card
    chosen = calibration_set(data.train, size=calibration_size, seed=float_model.seed)
    eval_set = EvalSet.of(stratified(data.validation, images), model, card)
    context = Context.of(model, card, calibration_pixels(chosen, card.input), eval_set, rounding=rounding)
    return rank_operators(context, progress=progress)


def signal_to_noise(model: bytes, quantized: bytes, tensor: str, pixels: np.ndarray, card: ModelCard) -> float:
    """Return the power of an activation over the power of its error, dB.

    Args:
        model, quantized: float .tflite, and one in which the operator that writes the activation is quantized.
        tensor: name of the activation.
        pixels: uint8 (n, height, width, channels).
        card: of the model.
    """
    signal = noise = 0.0
    true, coarse = ActivationProbe(model, [tensor]), ActivationProbe(quantized, [tensor])
    for image in pixels:
        values = normalize(image, card.input)
        expected, got = true.run(values), coarse.run(values)
        signal += float((expected[tensor].astype(np.float64) ** 2).sum())
        noise += float(((got[tensor] - expected[tensor]).astype(np.float64) ** 2).sum())
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else math.inf


def layer_name(tensor: str) -> str:
    """Return a readable name for what an operator writes: ``net/conv1_relu/Relu;net/conv1/Conv2D`` -> ``conv1``."""
    # The converter joins the names of all that it fused; the layer with the weights comes last.
    name = next((part for part in reversed(tensor.split(";")) if part), tensor)
    if name.startswith("StatefulPartitionedCall"):
        return "output"
    name = _TRAILERS.sub("", name)
    return name.split("/", 1)[1] if "/" in name else name


def plot_sensitivity(result: Sensitivity, path: str | Path, *, title: str, most: int = 30) -> None:
    """Plot bars for each operator: divergence when it alone is quantized, and the share that is gone when it is kept.

    Args:
        result: the ranking.
        path: of the image.
        title: of the plot.
        most: operators to show, worst first.
    """
    scores = result.scores[:most]
    drawing = figure(11, 1.5 + 0.28 * len(scores))
    left, right = drawing.subplots(1, 2, sharey=True)
    places = np.arange(len(scores))
    left.barh(places, [score.kl for score in scores], color="#7a8ca3")
    left.set_xlabel("KL at the output, only this one quantized (nats)")
    gains = [100 * result.gain(score) for score in scores]
    right.barh(places, gains, color="#c4512d")
    right.axvline(0, color="black", linewidth=0.8)
    # Narrower axes would make a drama of rounding.
    right.set_xlim(1.05 * min([-10.0, *gains]), 1.05 * max([10.0, *gains]))
    right.set_xlabel("share of int8's KL that is gone when this one is kept in float (%)")
    left.set_yticks(places, [f"{score.layer}  {score.operator}" for score in scores], fontsize=8)
    left.invert_yaxis()
    for axes in (left, right):
        axes.grid(alpha=0.3, axis="x")
    drawing.suptitle(
        f"{title}: float {result.reference:.2%}, int8 {result.full:.2%}, KL {result.full_kl:.4f}, n = {result.n:,}"
    )
    save_figure(drawing, path)
