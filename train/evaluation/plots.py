"""Plots of training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...edge.common.plotting import CANDIDATE, GUIDE, REFERENCE, save_figure, subplots
from .calibration_error import Reliability
from .curves import Curve, Ranking
from .mistakes import Mistake


def plot_history(history: Sequence[dict[str, float]], path: str | Path, *, title: str) -> None:
    """Plot loss and accuracy by epoch, training and validation."""
    drawing, (left, right) = subplots(10, 4, columns=2)
    epochs = [row["epoch"] for row in history]
    for axes, key, unit in ((left, "loss", 1), (right, "accuracy", 100)):
        axes.plot(epochs, [row[key] * unit for row in history], label="training", color=REFERENCE)
        axes.plot(epochs, [row[f"val_{key}"] * unit for row in history], label="validation", color=CANDIDATE)
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy (%)" if key == "accuracy" else "loss")
        axes.grid(alpha=0.3)
        axes.legend()
    drawing.suptitle(title)
    save_figure(drawing, path)


def plot_confusion(
    matrix: np.ndarray, labels: Sequence[str], path: str | Path, *, title: str, normalized: bool = False
) -> None:
    """Plot the confusion matrix, rows are the true classes: shade is the share of the row.

    Args:
        matrix: counts, int (classes, classes).
        labels: class names.
        path: of the image.
        title: of the plot.
        normalized: write the shares of the row instead of counts; rows without images stay empty.
    """
    drawing, axes = subplots(7, 6)
    totals = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(totals, 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        color = "white" if share[row, column] > 0.5 else "black"
        text = f"{share[row, column]:.1%}" if normalized else f"{matrix[row, column]:,}"
        if totals[row]:
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), [f"{name}\nn = {n:,}" for name, n in zip(labels, totals.ravel(), strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title)
    drawing.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    save_figure(drawing, path)


def plot_roc(ranking: Ranking, path: str | Path, *, title: str) -> None:
    """Plot the ROC curve of each class that has one; the others are named in the legend."""
    drawing, axes = subplots(7, 6)
    axes.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="chance")
    for index, (name, curve) in enumerate(ranking.roc.items()):
        label = f"{name}, AUC {curve.area:.3f}"
        axes.plot(curve.x, curve.y, color=f"C{index % 10}", linestyle="-" if index < 10 else "--", label=label)
    for name, reason in ranking.undefined.items():
        axes.plot([], [], " ", label=f"{name}: {reason}")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate (recall)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    save_figure(drawing, path)


def plot_precision_recall(curve: Curve, path: str | Path, *, title: str) -> None:
    """Plot precision by recall, with the share of the positive class as what chance gives."""
    drawing, axes = subplots(7, 5)
    # Between two thresholds precision is not linear; steps are what average precision sums up.
    axes.plot(curve.x, curve.y, drawstyle="steps-post", label=f"average precision {curve.area:.3f}")
    axes.axhline(curve.share, color=GUIDE, linestyle=":", label=f"chance {curve.share:.3f}")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    save_figure(drawing, path)


def plot_reliability(reliability: Reliability, path: str | Path, *, title: str) -> None:
    """Plot accuracy by confidence with 95 % intervals, and under it how many images each bin has."""
    drawing, (upper, lower) = subplots(7, 6, rows=2, sharex=True, height_ratios=[3, 1])
    bins = reliability.filled
    confidence = [item.confidence for item in bins]
    accuracy = np.array([item.accuracy.value for item in bins])
    bounds = np.array([item.accuracy.interval for item in bins]).T
    # Rounding may put a bound of the interval a hair beyond an accuracy of 0 or 1.
    errors = np.maximum(np.abs(bounds - accuracy), 0)
    upper.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="perfect")
    upper.errorbar(confidence, accuracy, yerr=errors, marker="o", capsize=3, label="model, 95 % CI", color=CANDIDATE)
    upper.set_ylabel("accuracy")
    upper.set_title(title)
    upper.legend(loc="upper left")
    widths = [item.high - item.low for item in bins]
    lower.bar([item.low for item in bins], [item.accuracy.n for item in bins], widths, align="edge", color=REFERENCE)
    lower.set_ylabel("images")
    lower.set_xlabel("confidence (probability of the answer)")
    for axes in (upper, lower):
        axes.set_xlim(0, 1)
        axes.grid(alpha=0.3)
    save_figure(drawing, path)


def plot_mistakes(
    images: np.ndarray, mistakes: Sequence[Mistake], path: str | Path, *, title: str, columns: int = 6
) -> None:
    """Plot images with what they are and what they were taken for.

    Args:
        images: uint8 (n, height, width, channels), as the model sees them.
        mistakes: one for each image.
        path: of the image.
        title: of the plot.
        columns: images in a row.
    """
    rows = -(-len(mistakes) // columns)
    drawing, grid = subplots(1.7 * columns, 2.2 * rows + 0.5, rows, columns, squeeze=False)
    grid = grid.ravel()
    for axes in grid:
        axes.axis("off")
    for axes, pixels, mistake in zip(grid, images, mistakes, strict=False):
        axes.imshow(pixels.squeeze(axis=-1) if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
        text = f"true: {mistake.truth}\n{mistake.predicted} {mistake.probability:.1%}"
        axes.set_title(text, fontsize=9)
    drawing.suptitle(title)
    save_figure(drawing, path)
