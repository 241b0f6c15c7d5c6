"""A model card for people: one line a fact, long ones wrapped."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from .card import ModelCard

_WIDTH = 118


def sheet(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values side by side, values wrapped; rows without a value are left out."""
    width = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, value in rows:
        parts = textwrap.wrap(value, _WIDTH - width - 2, break_long_words=False, break_on_hyphens=False)
        lines += [f"{name if not number else '':{width}}  {part}" for number, part in enumerate(parts)]
    return "\n".join(lines)


def card_rows(card: ModelCard) -> list[tuple[str, str]]:
    """The facts of a card, for :func:`sheet`."""
    origin, made, size = card.provenance, card.quantization, card.input
    drawn = f", seed {made.calibration_seed}" if made.calibration_seed is not None else ""
    faces = f", {made.calibration_size:,} calibration faces{drawn}" if made.calibration_size else ""
    return [
        ("name", card.name),
        ("labels", ", ".join(card.labels)),
        ("task", card.task),
        ("input", f"{size.height} x {size.width} {size.channels}, {size.normalization}"),
        ("quantization", f"{made.method}{faces}"),
        ("architecture", f"{origin.architecture}, recipe {origin.recipe}, seed {origin.seed}"),
        ("data", f"{origin.dataset} {origin.dataset_hash[:16]}".strip()),
        *((name, figure_text(figure)) for name, figure in card.metrics.items()),
        ("recall", _recalls(card.metrics.get("test"))),
        ("versions", ", ".join(f"{package} {version}" for package, version in origin.versions.items())),
        ("license", card.license),
        ("use", card.intended_use),
        ("notes", card.notes),
    ]


def accuracy_text(figure: Any) -> tuple[str, str] | None:
    """An accuracy with its interval, and on which data, split and n; None when it is no such figure."""
    try:
        low, high = figure["ci95"]
        text = f"{figure['accuracy']:.2%} [{100 * low:.2f}, {100 * high:.2f}]"
        return text, f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
    except (TypeError, KeyError, ValueError):
        return None


def figure_text(figure: Any) -> str:
    """One figure of a card's metrics in a line: an accuracy, a paired difference, or whatever it is as it is."""
    if found := accuracy_text(figure) or _corruptions_text(figure) or _change_text(figure):
        return " on ".join(found)
    if isinstance(figure, dict):
        return ", ".join(f"{key} {figure_text(item)}" for key, item in figure.items())
    if isinstance(figure, (list, tuple)):
        return "[" + ", ".join(map(figure_text, figure)) + "]"
    return f"{figure:.4g}" if isinstance(figure, float) else str(figure)


def _change_text(figure: Any) -> tuple[str, str] | None:
    """What ``edgeemo validate --record`` writes of two models on the same images."""
    try:
        low, high = figure["ci95"]
        text = f"{figure['difference']:+.2f} points [{low:+.2f}, {high:+.2f}] from {figure['reference']}"
        where = f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
        return text, f"{where}; loss at most {figure['worst_loss']:.2f}, agreement {figure['agreement']:.1%}"
    except (TypeError, KeyError, ValueError):
        return None


def _corruptions_text(figure: Any) -> tuple[str, str] | None:
    """What ``edgeemo validate --record --corruptions DIR`` writes: the candidate's accuracy under each kind."""
    try:
        low, high = figure["ci95"]
        kinds = ", ".join(f"{kind} {candidate:.1%}" for kind, (_, candidate) in figure["accuracy_by_kind"].items())
        change = f"{figure['difference']:+.2f} points [{low:+.2f}, {high:+.2f}] from {figure['reference']}"
        return f"{kinds}; {change}", f"{figure['data']} {figure['split']}, n = {figure['n']:,}"
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _recalls(figure: Any) -> str:
    """Recall of each class on the test images, if the card has it."""
    try:
        return ", ".join(
            f"{name} {item['accuracy']:.1%} [{100 * item['ci95'][0]:.1f}, {100 * item['ci95'][1]:.1f}]"
            for name, item in figure["recall"].items()
        )
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        return ""
