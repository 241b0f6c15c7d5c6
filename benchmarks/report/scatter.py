"""Plots of benchmark records: latency versus accuracy, or latency alone when no accuracy was measured."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...edge.common.errors import DataError
from ...edge.common.plotting import figure_suffix, save_figure, subplots
from ..cases import thread_count
from ..record import BenchmarkRecord
from .cost import LATENCY, Cost
from .label_placement import Point, label_points

#: An axis that spans more than this factor is logarithmic.
LOG_FACTOR = 10.0
_PALETTE = 128
_COLORS = {"float32": "#5b7899", "int8": "#c4512d", "qat": "#3f8f6b"}
_OTHER = "#80699b"
_FRONT = "#9a9a9a"


def pareto_front(points: Sequence[Point]) -> list[int]:
    """Return the positions of the points that no other beats, by rising cost.

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
    records: Sequence[BenchmarkRecord], path: str | Path, *, title: str = "", cost: Cost = LATENCY
) -> None:
    """Draw records: accuracy over latency or another cost where both are known, else bars of the latency.

    Args:
        records: of one device, or the image compares what cannot be compared.
        path: of the image; its suffix (.png or .svg) chooses the format.
        title: above the plot; by default the device, runtime and threads.
        cost: of the horizontal axis; all but the latency need accuracies.

    Raises:
        DataError: another suffix, or no record with such a figure.
        MissingExtraError: matplotlib is not installed.
    """
    figure_suffix(path)
    shown = [record for record in records if cost.of(record) and (cost is LATENCY or record.accuracy)]
    if not shown:
        raise DataError(
            "nothing to plot", expected=f"a record with {cost.label}", hint="raise --queries, and give --data"
        )
    drawing, axes = figure(len(shown))
    rated = [record for record in shown if record.accuracy]
    if rated:
        _scatter(drawing, axes, rated, cost)
    else:
        _bars(axes, shown)
    axes.set_title(title or _title(shown, len(records) - len(rated or shown)), fontsize=10)
    save(drawing, path)


def figure(rows: int) -> tuple[Any, Any]:
    """Return an empty figure with axes, high enough for so many rows.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return subplots(8, max(4.5, 1.5 + 0.4 * rows))


def save(drawing: Any, path: str | Path) -> None:
    """Write a figure with as many colors as charts have.

    Raises:
        EdgeemoError: the suffix is neither .png nor .svg, or the place cannot be written.
    """
    save_figure(drawing, path, colors=_PALETTE)


def _scatter(drawing: Any, axes: Any, records: Sequence[BenchmarkRecord], cost: Cost) -> None:
    points = [(cost.of(record) or 0.0, _percent(record)[1]) for record in records]
    for record, (x, y) in zip(records, points, strict=True):
        low, _, high = _percent(record)
        color = color_of(record)
        face = "white" if record.unreliable and cost is LATENCY else color
        axes.errorbar(x, y, [[y - low], [high - y]], fmt="none", ecolor=color, elinewidth=1.2, capsize=3, alpha=0.6)
        axes.plot(x, y, "o", color=color, markerfacecolor=face, markersize=7, zorder=3)
    front = [points[index] for index in pareto_front(points)]
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color=_FRONT, linewidth=1.2, linestyle="--", zorder=1)
    _cost_axis(axes.xaxis, axes.set_xscale, [x for x, _ in points], cost.label)
    axes.margins(x=0.15, y=0.12)
    axes.set_ylabel("accuracy (%), 95 % confidence interval")
    axes.grid(alpha=0.3)
    # What makes latencies unreliable changes neither sizes nor counts.
    _legend(axes, records, unreliable=cost is LATENCY, front=len(front) > 1)
    corners = [corner for a, b in itertools.pairwise(front) for corner in (a, (b[0], a[1]))] + front[-1:]
    obstacles = [((x, low), (x, high)) for (x, _), (low, _, high) in zip(points, map(_percent, records), strict=True)]
    obstacles += itertools.pairwise(corners)
    label_points(drawing, axes, points, [record.name for record in records], obstacles)


def _bars(axes: Any, records: Sequence[BenchmarkRecord]) -> None:
    medians = [_p50(record) for record in records]
    ends = [record.p90_ms or median for record, median in zip(records, medians, strict=True)]
    for row, (record, median, end) in enumerate(zip(records, medians, ends, strict=True)):
        color = color_of(record)
        face = "white" if record.unreliable else color
        axes.barh(row, median, height=0.6, color=face, edgecolor=color, hatch="//" if record.unreliable else None)
        axes.errorbar(median, row, xerr=[[0], [max(0.0, end - median)]], fmt="none", ecolor="#404040", capsize=3)
        axes.annotate(f"{median:.3g}", (end, row), (6, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(records)), [record.name for record in records])
    axes.invert_yaxis()
    _cost_axis(axes.xaxis, axes.set_xscale, medians, LATENCY.label)
    axes.margins(x=0.12)
    axes.set_xlabel("latency (ms): median, whisker to p90")
    axes.grid(axis="x", alpha=0.3)
    _legend(axes, records, unreliable=True, front=False)


def _cost_axis(axis: Any, set_scale: Any, values: Sequence[float], label: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_label_text(label)
    if max(values) > LOG_FACTOR * min(values):
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _legend(axes: Any, records: Sequence[BenchmarkRecord], *, unreliable: bool, front: bool) -> None:
    from matplotlib.lines import Line2D

    kinds = dict.fromkeys(record.quantization for record in records)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=_COLORS.get(kind, _OTHER), label=kind or "unknown")
        for kind in kinds
    ]
    if unreliable and any(record.unreliable for record in records):
        handles.append(
            Line2D([], [], marker="o", linestyle="", color="#606060", markerfacecolor="white", label="unreliable")
        )
    if front:
        handles.append(Line2D([], [], color=_FRONT, linestyle="--", label="Pareto front"))
    # Below the axes: inside it would cover points or labels.
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)


def _title(records: Sequence[BenchmarkRecord], left_out: int) -> str:
    record = records[0]
    runtimes = " and ".join(dict.fromkeys(f"{r.runtime} {r.runtime_version}" for r in records))
    threads = " and ".join(dict.fromkeys(thread_count(r.threads) for r in records))
    lines = [f"{record.device}; {runtimes}, {threads}"]
    if record.accuracy:
        lines.append(f"{record.accuracy.dataset}, split {record.accuracy.split}, n = {record.accuracy.n:,}")
    if left_out:
        lines.append(f"{left_out} without these figures left out")
    return "\n".join(lines)


def _p50(record: BenchmarkRecord) -> float:
    assert record.p50_ms is not None
    return record.p50_ms


def _percent(record: BenchmarkRecord) -> tuple[float, float, float]:
    """Return the lower bound, value and upper bound of the accuracy in percent."""
    assert record.accuracy is not None
    figure = record.accuracy.figure
    low, high = figure.interval
    return 100 * low, 100 * figure.value, 100 * high


def color_of(record: BenchmarkRecord) -> str:
    """Return the color of a record's quantization in all plots."""
    return _COLORS.get(record.quantization, _OTHER)


def label_of(record: BenchmarkRecord) -> str:
    """Return the name of a record, with a mark where its color or shape cannot show that it is unreliable."""
    return f"{record.name} (unreliable)" if record.unreliable else record.name
