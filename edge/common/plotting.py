"""Matplotlib figures without a display: made, styled and saved in one place. Matplotlib is imported when it is used."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from .errors import MissingExtraError, OptionError
from .files import write_bytes

#: Formats of saved figures.
SUFFIXES = (".png", ".svg")

#: Colors that mean the same in every plot: the model that others are compared with, the model that is judged, and
#: what is drawn only for orientation (chance, perfect calibration, zero).
REFERENCE, CANDIDATE, GUIDE = "#5b7899", "#c4512d", "#999"


def figure(width: float, height: float) -> Any:
    """Return an empty figure.

    Args:
        width: inches.
        height: inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "evaluate") from error
    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing


def subplots(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """Return a figure and its axes, an array of them where there are several.

    Args:
        width: inches.
        height: inches.
        rows: of axes.
        columns: of axes.
        options: for ``Figure.subplots``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawing = figure(width, height)
    return drawing, drawing.subplots(rows, columns, **options)


def figure_suffix(path: str | Path) -> str:
    """Return the format of a figure's file, ``.png`` or ``.svg``.

    Raises:
        OptionError: another suffix.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        raise OptionError("unknown image format", expected=" or ".join(SUFFIXES), got=repr(suffix))
    return suffix.lower()


def save_figure(drawing: Any, path: str | Path, *, dpi: int = 120, colors: int | None = None) -> None:
    """Write a figure atomically; the same figure gives the same bytes.

    Args:
        drawing: matplotlib figure.
        path: file to write; its suffix chooses PNG or SVG.
        dpi: dots per inch of a PNG.
        colors: size of a PNG's palette, which makes the file several times smaller; full color without it, as
            photographs and color maps need.

    Raises:
        EdgeemoError: another suffix, or the place cannot be written.
    """
    suffix = figure_suffix(path)
    from matplotlib import rc_context
    from PIL import Image

    stream = io.BytesIO()
    if suffix == ".svg":
        # Text stays text: readable, searchable, and a fraction of the size of outlines.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgeemo"}):
            drawing.savefig(stream, format="svg", metadata={"Date": None})
    elif colors is None:
        drawing.savefig(stream, format="png", dpi=dpi)
    else:
        full = io.BytesIO()
        drawing.savefig(full, format="png", dpi=dpi)
        with Image.open(full) as image:
            reduced = image.convert("RGB").quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        reduced.save(stream, "PNG", optimize=True)
    write_bytes(path, stream.getvalue())
