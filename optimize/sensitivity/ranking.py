"""Which operators the accuracy is lost in: each is quantized alone, and each is spared alone."""

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
from ..converters.activation_ranges import Taps, observe
from ..converters.ai_edge import Selective
from ..converters.gptq import Rounding
from ..converters.representative_set import calibration_pixels
from ..float_model import Source
from .scoring import Exam, Marks

#: Images for the signal-to-noise ratio: it is a mean over every value of an activation.
_SNR_IMAGES = 32
#: What the converter and Keras append to the name of a layer.
_TRAILERS = re.compile(
    r"/(Conv2D\d*|depthwise\d*|FusedBatchNormV3\d*|MatMul\d*|BiasAdd\d*(/ReadVariableOp\d*)?|Relu6?\d*|Mean|MaxPool"
    r"|add)$"
)


@dataclass(frozen=True)
class Share:
    """What quantizing one operator does.

    Args:
        operator: its kind (``CONV_2D``).
        layer: readable name.
        tensor: that it writes; by it the operator is told from others.
        snr: signal-to-noise ratio of what it writes when it alone is quantized, dB; infinite without any noise.
        kl: mean Kullback-Leibler divergence of the output from the float model's when it alone is quantized, nats.
        alone: accuracy when it alone is quantized.
        spared: accuracy when all but it are quantized.
        spared_kl: divergence of the output when all but it are quantized, nats.
    """

    operator: str
    layer: str
    tensor: str
    snr: float
    kl: float
    alone: float
    spared: float
    spared_kl: float


@dataclass(frozen=True)
class Blame:
    """A ranking of operators, worst first.

    Args:
        n: images of the validation role.
        reference: accuracy of the float model.
        full: accuracy of the int8 model.
        full_kl: its divergence from the float model, nats.
        shares: one for each operator that can be quantized; the one that does most damage alone comes first.
    """

    n: int
    reference: float
    full: float
    full_kl: float
    shares: tuple[Share, ...]

    def gain(self, share: Share) -> float:
        """How much of the whole divergence goes when this operator is spared, as a fraction."""
        return (self.full_kl - share.spared_kl) / self.full_kl if self.full_kl > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON; an infinite ratio becomes null."""
        shares = []
        for share in self.shares:
            row = {**asdict(share), "gain": self.gain(share)}
            shares.append({**row, "snr": share.snr if math.isfinite(share.snr) else None})
        return {
            "n": self.n,
            "float_accuracy": self.reference,
            "int8_accuracy": self.full,
            "int8_kl": self.full_kl,
            "operators": shares,
        }

    def table(self, most: int | None = None) -> str:
        """For people.

        Args:
            most: rows to show; None for all.
        """
        rows = [["operator", "layer", "SNR dB", "KL alone", "accuracy alone", "KL spared", "accuracy spared", "gain"]]
        for share in self.shares[:most]:
            rows.append(
                [
                    share.operator,
                    share.layer,
                    f"{share.snr:.1f}" if math.isfinite(share.snr) else "-",
                    f"{share.kl:.5f}",
                    f"{share.alone:.2%}",
                    f"{share.spared_kl:.5f}",
                    f"{share.spared:.2%}",
                    f"{self.gain(share):+.0%}",
                ]
            )
        return (
            f"float {self.reference:.2%}, int8 {self.full:.2%}, KL {self.full_kl:.5f} nats, n = {self.n:,}\n\n"
            + aligned(rows, left=(0, 1))
        )


@dataclass(frozen=True)
class Bench:
    """What blame and repair work with: the images, and the model that can be quantized in part.

    Args:
        exam: images of the validation role with the float model's answers.
        selective: the model and the ranges of its activations.
        card: of the model.
    """

    exam: Exam
    selective: Selective
    card: ModelCard

    @classmethod
    def of(
        cls,
        model: bytes,
        card: ModelCard,
        calibration: np.ndarray,
        exam: Exam,
        ranges: str = "minmax",
        rounding: str = "nearest",
    ) -> Bench:
        """Calibrate a float .tflite.

        Args:
            model: the flatbuffer.
            card: its card.
            calibration: uint8 (n, height, width, channels).
            exam: the images to measure on.
            ranges: see :data:`edgeemo.optimize.converters.activation_ranges.ESTIMATORS`.
            rounding: of the weights, see :data:`edgeemo.optimize.converters.gptq.ROUNDINGS`.
        """
        seen = observe(model, card.input, calibration)
        together = Rounding(model, card.input, calibration) if rounding == "compensated" else None
        clipped = {name: found.clipped(ranges) for name, found in seen.items()}
        return cls(exam, Selective(model, clipped, together), card)

    def marks(self, model: bytes) -> Marks:
        """What a quantized model makes of the images."""
        return self.exam.sit(model, self.card)


def blame(bench: Bench, *, progress: Callable[[int, int], None] | None = None) -> Blame:
    """Rank the operators of a model.

    Args:
        bench: the model and the images.
        progress: told operators done and operators in all.
    """
    selective = bench.selective
    full = bench.marks(selective.quantize())
    pixels = bench.exam.pixels[:_SNR_IMAGES]
    shares: list[Share] = []
    for position, (operator, name) in enumerate(zip(selective.operators, selective.names, strict=True)):
        if progress:
            progress(position, len(selective.names))
        one = selective.quantize(only=[name])
        if one == selective.model:
            # The quantizer knows no integer form of it.
            continue
        alone, spared = bench.marks(one), bench.marks(selective.quantize(kept=[name]))
        snr = signal_to_noise(selective.model, one, name, pixels, bench.card)
        shares.append(
            Share(operator.name, layer_name(name), name, snr, alone.kl, alone.accuracy, spared.accuracy, spared.kl)
        )
    shares.sort(key=lambda share: -share.kl)
    return Blame(len(bench.exam.targets), bench.exam.accuracy, full.accuracy, full.kl, tuple(shares))


def blame_source(
    source: Source,
    data: TrainingData,
    *,
    calibration_size: int = 500,
    images: int = 1000,
    rounding: str = "nearest",
    progress: Callable[[int, int], None] | None = None,
) -> Blame:
    """Rank the operators of a float model of any kind.

    Args:
        source: the model.
        data: calibration faces are drawn from the training role, images to measure on from the validation role.
        calibration_size: faces to calibrate on, stratified by class.
        images: to measure on, stratified by class; all when there are fewer.
        rounding: of the weights, see :data:`edgeemo.optimize.converters.gptq.ROUNDINGS`.
        progress: told operators done and operators in all.

    Raises:
        EdgeemoError: the model cannot be converted, or ai-edge-quantizer is not installed.
    """
    model, card = source.float_flatbuffer(), source.card
    chosen = calibration_set(data.train, size=calibration_size, seed=source.seed)
    exam = Exam.of(stratified(data.validation, images), model, card)
    bench = Bench.of(model, card, calibration_pixels(chosen, card.input), exam, rounding=rounding)
    return blame(bench, progress=progress)


def signal_to_noise(model: bytes, quantized: bytes, tensor: str, pixels: np.ndarray, card: ModelCard) -> float:
    """Power of an activation over the power of its error, dB.

    Args:
        model, quantized: float .tflite, and one in which the operator that writes the activation is quantized.
        tensor: name of the activation.
        pixels: uint8 (n, height, width, channels).
        card: of the model.
    """
    signal = noise = 0.0
    true, coarse = Taps(model, [tensor]), Taps(quantized, [tensor])
    for image in pixels:
        values = normalize(image, card.input)
        expected, got = true.run(values), coarse.run(values)
        signal += float((expected[tensor].astype(np.float64) ** 2).sum())
        noise += float(((got[tensor] - expected[tensor]).astype(np.float64) ** 2).sum())
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else math.inf


def layer_name(tensor: str) -> str:
    """A readable name for the tensor that an operator writes: ``net/conv1_relu/Relu;net/conv1/Conv2D`` -> ``conv1``."""
    # The converter joins the names of all that it fused; the layer with the weights comes last.
    name = next((part for part in reversed(tensor.split(";")) if part), tensor)
    if name.startswith("StatefulPartitionedCall"):
        return "output"
    name = _TRAILERS.sub("", name)
    return name.split("/", 1)[1] if "/" in name else name


def plot_blame(result: Blame, path: str | Path, *, title: str, most: int = 30) -> None:
    """Bars for each operator: divergence when it alone is quantized, and what is spared when it alone is not.

    Args:
        result: the ranking.
        path: of the image.
        title: of the plot.
        most: operators to show, worst first.
    """
    shares = result.shares[:most]
    drawing = figure(11, 1.5 + 0.28 * len(shares))
    left, right = drawing.subplots(1, 2, sharey=True)
    places = np.arange(len(shares))
    left.barh(places, [share.kl for share in shares], color="#7a8ca3")
    left.set_xlabel("KL at the output, only this one quantized (nats)")
    gains = [100 * result.gain(share) for share in shares]
    right.barh(places, gains, color="#c4512d")
    right.axvline(0, color="black", linewidth=0.8)
    # Narrower axes would make a drama of rounding.
    right.set_xlim(1.05 * min([-10.0, *gains]), 1.05 * max([10.0, *gains]))
    right.set_xlabel("share of int8's KL that goes when this one is spared (%)")
    left.set_yticks(places, [f"{share.layer}  {share.operator}" for share in shares], fontsize=8)
    left.invert_yaxis()
    for axes in (left, right):
        axes.grid(alpha=0.3, axis="x")
    drawing.suptitle(
        f"{title}: float {result.reference:.2%}, int8 {result.full:.2%}, KL {result.full_kl:.4f}, n = {result.n:,}"
    )
    save_figure(drawing, path)
