"""Plots of training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.files import atomic_path


def figure(width: float = 7.0, height: float = 4.5, columns: int = 1) -> tuple[Any, Any]:
    """A matplotlib figure without a display, and its axes (an array when ``columns`` is above 1)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing, drawing.subplots(1, columns)


def save(drawing: Any, path: str | Path) -> None:
    """Write a figure atomically; the suffix chooses PNG or SVG."""
    with atomic_path(path) as temporary:
        drawing.savefig(temporary, dpi=120)


def plot_history(history: Sequence[dict[str, float]], path: str | Path, *, title: str) -> None:
    """Loss and accuracy by epoch, training and validation."""
    drawing, (left, right) = figure(10, 4, columns=2)
    epochs = [row["epoch"] for row in history]
    for axes, key, unit in ((left, "loss", 1), (right, "accuracy", 100)):
        axes.plot(epochs, [row[key] * unit for row in history], label="training", color="#7a8ca3")
        axes.plot(epochs, [row[f"val_{key}"] * unit for row in history], label="validation", color="#c4512d")
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy (%)" if key == "accuracy" else "loss")
        axes.grid(alpha=0.3)
        axes.legend()
    drawing.suptitle(title)
    save(drawing, path)


def plot_confusion(matrix: np.ndarray, labels: Sequence[str], path: str | Path, *, title: str) -> None:
    """Confusion matrix, rows are the true classes: shade is the share of the row, figures are counts and shares."""
    drawing, axes = figure(7, 6)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{matrix[row, column]:,}\n{share[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title)
    save(drawing, path)
