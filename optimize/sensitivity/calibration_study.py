"""Accuracy of an int8 model by the number of calibration faces and by their draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.plotting import save_figure, subplots
from ...edge.common.tables import aligned
from ...train.datasets.splits import TrainingData, calibration_set
from ..converters.activation_ranges import MinMaxObserver
from ..converters.ai_edge import SelectiveQuantizer
from ..converters.representative_set import calibration_pixels
from ..float_model import FloatModel
from .scoring import EvalSet

SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000)
SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Draw:
    """A calibration set and the figures of the model calibrated on it.

    Args:
        size: number of faces.
        seed: seed of the draw.
        accuracy, agreement, kl: figures of the int8 model, see :class:`edgeemo.optimize.sensitivity.scoring.Score`.
    """

    size: int
    seed: int
    accuracy: float
    agreement: float
    kl: float


@dataclass(frozen=True)
class Study:
    """Result of a study.

    Args:
        name: name of the model.
        n: images of the validation split.
        reference: accuracy of the float model on them.
        draws: every size with every seed.
    """

    name: str
    n: int
    reference: float
    draws: tuple[Draw, ...]

    @property
    def sizes(self) -> list[int]:
        """Sizes of the calibration sets, ascending."""
        return sorted({draw.size for draw in self.draws})

    def values(self, size: int, of: str) -> np.ndarray:
        """Return one figure (``accuracy``, ``agreement``, ``kl``, or ``change`` of the accuracy in points) by seed."""
        if of == "change":
            return 100 * (self.values(size, "accuracy") - self.reference)
        return np.array([getattr(draw, of) for draw in self.draws if draw.size == size])

    def to_dict(self) -> dict[str, Any]:
        """Return the study for JSON."""
        return {
            "model": self.name,
            "n": self.n,
            "float_accuracy": self.reference,
            "draws": [asdict(draw) for draw in self.draws],
        }

    def table(self) -> str:
        """Return a table of mean and range over the seeds, a row for each size."""
        rows = [["faces", "change, points", "from .. to", "agreement", "lowest", "KL", "highest"]]
        for size in self.sizes:
            change, agreement, kl = (self.values(size, of) for of in ("change", "agreement", "kl"))
            rows.append(
                [
                    f"{size:,}",
                    f"{change.mean():+.2f}",
                    f"{change.min():+.2f} .. {change.max():+.2f}",
                    f"{agreement.mean():.2%}",
                    f"{agreement.min():.2%}",
                    f"{kl.mean():.5f}",
                    f"{kl.max():.5f}",
                ]
            )
        seeds = len({draw.seed for draw in self.draws})
        head = f"{self.name}: float {self.reference:.2%} on the validation split, n = {self.n:,}; {seeds} draws a size"
        return f"{head}\n\n{aligned(rows)}"


def study(
    float_model: FloatModel,
    data: TrainingData,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Quantize with many calibration sets, by the smallest and largest values seen, per channel, to full int8.

    Args:
        float_model: a float model.
        data: calibration sets are drawn from the training split; the validation split is measured on.
        sizes: sizes of the calibration sets; those larger than the training split are left out.
        seeds: draws for each size.
        progress: called with the draws done and their total.
    """
    model, card = float_model.float_flatbuffer(), float_model.card
    eval_set, seen = EvalSet.of(data.validation, model, card), MinMaxObserver(model, card.input)
    planned = [(size, seed) for size in sizes if size <= len(data.train) for seed in seeds]
    draws: list[Draw] = []
    for number, (size, seed) in enumerate(planned):
        if progress:
            progress(number, len(planned))
        pixels = calibration_pixels(calibration_set(data.train, size=size, seed=seed), card.input)
        score = eval_set.evaluate(SelectiveQuantizer(model, seen.of(pixels)).quantize(), card)
        draws.append(Draw(size, seed, score.accuracy, score.agreement, score.kl))
    return Study(card.name, len(eval_set.targets), eval_set.accuracy, tuple(draws))


def plot_study(result: Study, path: str | Path) -> None:
    """Plot divergence and change of accuracy by the number of calibration faces: every draw, and the mean."""
    drawing, axes = subplots(11, 4.2, columns=2)
    for plane, of, label in zip(
        axes, ("kl", "change"), ("KL from the float model (nats)", "change of accuracy (points)"), strict=True
    ):
        for size in result.sizes:
            values = result.values(size, of)
            plane.plot([size] * len(values), values, "o", color="#7a8ca3", markersize=4, alpha=0.7)
        means = [result.values(size, of).mean() for size in result.sizes]
        plane.plot(result.sizes, means, color="#c4512d", label="mean")
        plane.set_xscale("log")
        plane.set_xticks(result.sizes, [f"{size:,}" for size in result.sizes], rotation=45)
        plane.minorticks_off()
        plane.set_xlabel("calibration faces")
        plane.set_ylabel(label)
        plane.grid(alpha=0.3)
    axes[0].set_ylim(bottom=0)
    axes[1].axhline(0, color="black", linewidth=0.8)
    axes[0].legend()
    drawing.suptitle(f"{result.name}, int8, validation split, n = {result.n:,}: one dot a draw")
    save_figure(drawing, path)
