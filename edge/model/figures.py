"""Figures of a card's metrics as text, one line each."""

from __future__ import annotations

from typing import Any


def figure_rows(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows of a card's metrics: every figure, and the recall of each class on the test images.

    Args:
        metrics: name -> figure.
    """
    return [*((name, figure_text(figure)) for name, figure in metrics.items()), ("recall", recall_text(metrics))]


def accuracy_text(figure: Any) -> tuple[str, str] | None:
    """Return an accuracy with its interval, and its data, split and n; None for another figure."""
    try:
        low, high = figure["ci95"]
        text = f"{figure['accuracy']:.2%} [{100 * low:.2f}, {100 * high:.2f}]"
        return text, f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
    except (TypeError, KeyError, ValueError):
        return None


def figure_text(figure: Any) -> str:
    """Return one figure of a card's metrics as a line: an accuracy, a paired difference, or any other value."""
    if found := accuracy_text(figure) or _corruptions_text(figure) or _change_text(figure):
        return " on ".join(found)
    if isinstance(figure, dict):
        return ", ".join(f"{key} {figure_text(item)}" for key, item in figure.items())
    if isinstance(figure, (list, tuple)):
        return "[" + ", ".join(map(figure_text, figure)) + "]"
    return f"{figure:.4g}" if isinstance(figure, float) else str(figure)


def _change_text(figure: Any) -> tuple[str, str] | None:
    """Return the paired comparison that ``edgeemo validate --record`` writes, as text."""
    try:
        low, high = figure["ci95"]
        text = f"{figure['difference']:+.2f} points [{low:+.2f}, {high:+.2f}] from {figure['reference']}"
        where = f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
        return text, f"{where}; loss at most {figure['worst_loss']:.2f}, agreement {figure['agreement']:.1%}"
    except (TypeError, KeyError, ValueError):
        return None


def _corruptions_text(figure: Any) -> tuple[str, str] | None:
    """Return the accuracies that ``edgeemo validate --record --corruptions DIR`` writes, as text."""
    try:
        low, high = figure["ci95"]
        kinds = ", ".join(f"{kind} {candidate:.1%}" for kind, (_, candidate) in figure["accuracy_by_kind"].items())
        change = f"{figure['difference']:+.2f} points [{low:+.2f}, {high:+.2f}] from {figure['reference']}"
        return f"{kinds}; {change}", f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def recall_text(metrics: dict[str, Any]) -> str:
    """Return the recall of each class on the test images; empty where it was not measured."""
    figure: Any = metrics.get("test")
    try:
        return ", ".join(
            f"{name} {item['accuracy']:.1%} [{100 * item['ci95'][0]:.1f}, {100 * item['ci95'][1]:.1f}]"
            for name, item in figure["recall"].items()
        )
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        return ""
