"""Plots of benchmark records: latency versus accuracy, or latency alone when no accuracy was measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.errors import EdgeemoError, MissingExtra
from ..edge.files import atomic_path
from .record import BenchmarkRecord

SUFFIXES = (".png", ".svg")
#: An axis that spans more than this factor is logarithmic.
LOG_FACTOR = 10.0
#: What an accuracy may be held against -> name of the axis.
COSTS = {"latency": "median latency (ms)", "size": "size of the file (KB)"}
_COLOURS = {"float32": "#5b7899", "int8": "#c4512d", "qat": "#3f8f6b"}
_OTHER = "#80699b"
_FRONT = "#9a9a9a"
_Point = tuple[float, float]
_PLACES = [(math.cos(angle * math.pi / 4), math.sin(angle * math.pi / 4)) for angle in (0, 2, 6, 4, 1, 7, 3, 5)]
_DISTANCES = (9, 22, 38, 56)


def pareto_front(points: Sequence[_Point]) -> list[int]:
    """Positions of the points that no other beats, by rising cost.

    Args:
        points: (cost, worth): less of the first is better, more of the second.
    """
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    front: list[int] = []
    for index in order:
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front


def plot_records(
    records: Sequence[BenchmarkRecord], path: str | Path, *, title: str = "", cost: str = "latency"
) -> None:
    """Draw records: accuracy over median latency or size where both are known, else bars of the latency.

    Args:
        records: of one device, or the picture compares what cannot be compared.
        path: of the picture; its suffix (.png or .svg) chooses the format.
        title: above the plot; by default the device, runtime and threads.
        cost: ``latency`` or ``size``; size needs accuracies.

    Raises:
        EdgeemoError: another suffix or cost, or no record with a median.
        MissingExtra: matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise EdgeemoError("unknown picture format", expected=" or ".join(SUFFIXES), got=repr(path.suffix))
    if cost not in COSTS:
        raise EdgeemoError("unknown cost", expected=" or ".join(COSTS), got=repr(cost))
    shown = [record for record in records if record.p50_ms is not None and (cost == "latency" or record.accuracy)]
    if not shown:
        raise EdgeemoError("nothing to plot", expected="a record with a median latency", mend="raise --queries")
    drawing, axes = figure(len(shown))
    rated = [record for record in shown if record.accuracy]
    if rated:
        _scatter(drawing, axes, rated, cost)
    else:
        _bars(axes, shown)
    axes.set_title(title or _title(shown[0], len(records) - len(rated or shown)), fontsize=10)
    with atomic_path(path) as temporary:
        drawing.savefig(temporary, dpi=120)


def figure(rows: int) -> tuple[Any, Any]:
    """An empty figure with axes, high enough for so many rows.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "evaluate") from error
    drawing = Figure(figsize=(8, max(4.5, 1.5 + 0.4 * rows)), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing, drawing.subplots()


def _scatter(drawing: Any, axes: Any, records: Sequence[BenchmarkRecord], cost: str) -> None:
    points = [(_p50(record) if cost == "latency" else record.bytes / 1000, _percent(record)[1]) for record in records]
    for record, (x, y) in zip(records, points, strict=True):
        low, _, high = _percent(record)
        colour = colour_of(record)
        face = "white" if record.tainted else colour
        axes.errorbar(x, y, [[y - low], [high - y]], fmt="none", ecolor=colour, elinewidth=1.2, capsize=3, alpha=0.6)
        axes.plot(x, y, "o", color=colour, markerfacecolor=face, markersize=7, zorder=3)
    front = [points[index] for index in pareto_front(points)]
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color=_FRONT, linewidth=1.2, linestyle="--", zorder=1)
    _cost_axis(axes.xaxis, axes.set_xscale, [x for x, _ in points], COSTS[cost])
    axes.margins(x=0.15, y=0.12)
    axes.set_ylabel("accuracy (%), 95 % confidence interval")
    axes.grid(alpha=0.3)
    _legend(axes, records, front=len(front) > 1)
    corners = [corner for a, b in itertools.pairwise(front) for corner in (a, (b[0], a[1]))] + front[-1:]
    obstacles = [((x, low), (x, high)) for (x, _), (low, _, high) in zip(points, map(_percent, records), strict=True)]
    obstacles += itertools.pairwise(corners)
    _label(drawing, axes, points, [record.name for record in records], obstacles)


def _bars(axes: Any, records: Sequence[BenchmarkRecord]) -> None:
    medians = [_p50(record) for record in records]
    ends = [record.p90_ms or median for record, median in zip(records, medians, strict=True)]
    for row, (record, median, end) in enumerate(zip(records, medians, ends, strict=True)):
        colour = colour_of(record)
        face = "white" if record.tainted else colour
        axes.barh(row, median, height=0.6, color=face, edgecolor=colour, hatch="//" if record.tainted else None)
        axes.errorbar(median, row, xerr=[[0], [max(0.0, end - median)]], fmt="none", ecolor="#404040", capsize=3)
        axes.annotate(f"{median:.3g}", (end, row), (6, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(records)), [record.name for record in records])
    axes.invert_yaxis()
    _cost_axis(axes.xaxis, axes.set_xscale, medians, COSTS["latency"])
    axes.margins(x=0.12)
    axes.set_xlabel("latency (ms): median, whisker to p90")
    axes.grid(axis="x", alpha=0.3)
    _legend(axes, records, front=False)


def _cost_axis(axis: Any, set_scale: Any, values: Sequence[float], label: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_label_text(label)
    if max(values) > LOG_FACTOR * min(values):
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _legend(axes: Any, records: Sequence[BenchmarkRecord], *, front: bool) -> None:
    from matplotlib.lines import Line2D

    kinds = dict.fromkeys(record.quantisation for record in records)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=_COLOURS.get(kind, _OTHER), label=kind or "unknown")
        for kind in kinds
    ]
    if any(record.tainted for record in records):
        handles.append(
            Line2D([], [], marker="o", linestyle="", color="#606060", markerfacecolor="white", label="tainted")
        )
    if front:
        handles.append(Line2D([], [], color=_FRONT, linestyle="--", label="Pareto front"))
    # Below the axes: inside it would cover points or labels.
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)


def _label(
    drawing: Any,
    axes: Any,
    points: Sequence[_Point],
    names: Sequence[str],
    obstacles: Sequence[tuple[_Point, _Point]],
) -> None:
    """Write each name at the place beside its point where it covers least: greedy, nearest places first.

    Args:
        drawing, axes: with everything else drawn.
        points, names: what to label.
        obstacles: lines, upright or level, that should not be covered either.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    drawing.draw_without_rendering()
    renderer, frame = drawing.canvas.get_renderer(), axes.get_window_extent()
    pixels_per_point = drawing.dpi / 72
    taken = [_line_box(axes.transData.transform(line)) for line in obstacles]
    taken += [Bbox.from_bounds(x - 7, y - 7, 14, 14) for x, y in axes.transData.transform(points)]
    named: list[Any] = []
    for point, name in zip(points, names, strict=True):
        best, best_cost = None, math.inf
        for distance, (dx, dy) in itertools.product(_DISTANCES, _PLACES):
            aligned = {
                "ha": "left" if dx > 0.1 else "right" if dx < -0.1 else "center",
                "va": "bottom" if dy > 0.1 else "top" if dy < -0.1 else "center",
            }
            leader = {"arrowstyle": "-", "color": "#b0b0b0", "linewidth": 0.7} if distance > _DISTANCES[0] else None
            note = axes.annotate(
                name,
                point,
                (dx * distance, dy * distance),
                textcoords="offset points",
                fontsize=8.5,
                path_effects=[withStroke(linewidth=2, foreground="white")],
                arrowprops=leader,
                **aligned,
            )
            box = _text_box(note, renderer).padded(2)
            cost = sum(_shared(box, other) for other in taken) + 4 * (box.width * box.height - _shared(box, frame))
            # Near is better, and a leader should not cross another name.
            cost += distance * pixels_per_point * 0.01
            centre, target = axes.transData.transform(point), ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
            steps = [centre + share * (target - centre) for share in np.linspace(0, 1, 12)] if leader else []
            cost += 30 * sum(name_box.contains(*step) for name_box in named for step in steps)
            if cost < best_cost:
                if best is not None:
                    best[0].remove()
                best, best_cost = (note, box), cost
            else:
                note.remove()
        if best is not None:
            best[0].set_in_layout(False)
            taken.append(best[1])
            named.append(best[1])


def _line_box(ends: Any) -> Any:
    """Box around an upright or level line, 6 pixels thick."""
    from matplotlib.transforms import Bbox

    (x0, y0), (x1, y1) = ends
    return Bbox.from_extents(min(x0, x1) - 3, min(y0, y1) - 3, max(x0, x1) + 3, max(y0, y1) + 3)


def _text_box(note: Any, renderer: Any) -> Any:
    """The text's own box: an annotation's would include its leader."""
    from matplotlib.text import Text

    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer)


def _shared(a: Any, b: Any) -> float:
    """Area that two boxes share, in square pixels."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0


def _title(record: BenchmarkRecord, left_out: int) -> str:
    threads = "1 thread" if record.threads == 1 else f"{record.threads} threads"
    lines = [f"{record.device}; {record.runtime} {record.runtime_version}, {threads}"]
    if record.accuracy:
        lines.append(f"{record.accuracy.dataset}, split {record.accuracy.split}, n = {record.accuracy.n:,}")
    if left_out:
        lines.append(f"{left_out} without these figures left out")
    return "\n".join(lines)


def _p50(record: BenchmarkRecord) -> float:
    assert record.p50_ms is not None
    return record.p50_ms


def _percent(record: BenchmarkRecord) -> tuple[float, float, float]:
    """Lower bound, value and upper bound of the accuracy in percent."""
    assert record.accuracy is not None
    figure = record.accuracy.figure
    low, high = figure.interval
    return 100 * low, 100 * figure.value, 100 * high


def colour_of(record: BenchmarkRecord) -> str:
    """The colour of a record's quantisation in all plots."""
    return _COLOURS.get(record.quantisation, _OTHER)
