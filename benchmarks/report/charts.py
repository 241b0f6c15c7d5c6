"""Charts of a benchmark: distributions, stages, operators, latency over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import DataError
from ..measure.profile import Profile
from ..record import BenchmarkRecord
from .scatter import color_of, figure, label_of, save

_STAGES = {
    "decode": "#5b7899",
    "detect": "#80699b",
    "preprocess": "#c9a227",
    "invoke": "#c4512d",
    "postprocess": "#3f8f6b",
}
#: Of kinds of operators, the most costly first.
_KINDS = ("#c4512d", "#5b7899", "#3f8f6b", "#c9a227", "#80699b", "#8a8a8a")

#: Lines of latency over time: more cannot be distinguished.
_MOST_LINES = 6


def histogram_chart(records: Sequence[BenchmarkRecord], path: str | Path) -> None:
    """Draw the latencies of every query, a row for each record; the slowest hundredth is outside and counted.

    Raises:
        EdgeemoError: no record has a histogram.
        MissingExtraError: matplotlib is not installed.
    """
    # Rows count upwards.
    shown = _with(records, "histogram")[::-1]
    drawing, axes = figure(2 * len(shown))
    for row, record in enumerate(shown):
        found = record.histogram
        assert found is not None
        counts, edges = np.array(found.counts), np.array(found.edges_ms)
        # Heights are densities on the logarithmic axis, so that the area is what counts.
        heights = 0.85 * counts / max(counts.max(), 1)
        axes.stairs(row + heights, edges, baseline=row, fill=True, color=color_of(record), alpha=0.75)
        if record.p50_ms is not None:
            axes.plot([record.p50_ms] * 2, [row, row + 0.9], color="#202020", linewidth=1)
        note = f" {found.slower:,} of {record.n:,} slower"
        axes.annotate(note, (edges[-1], row), (2, 3), textcoords="offset points", fontsize=8, color="#606060")
    axes.set_yticks([row + 0.3 for row in range(len(shown))], [label_of(record) for record in shown])
    axes.set_ylim(-0.1, len(shown) + 0.05)
    _logarithmic(axes)
    # Room for the notes at the right.
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.25)
    axes.set_xlabel("latency of single queries (ms), line: median")
    save(drawing, path)


def stage_chart(records: Sequence[BenchmarkRecord], path: str | Path) -> None:
    """Draw the stages of a frame or face crop, a stacked bar for each record.

    Raises:
        EdgeemoError: no record has stages.
        MissingExtraError: matplotlib is not installed.
    """
    shown = _with(records, "stages")
    drawing, axes = figure(len(shown) + 1)
    names = [name for name in _STAGES if any(getattr(record.stages, name) is not None for record in shown)]
    left = np.zeros(len(shown))
    for name in names:
        widths = np.array([getattr(record.stages, name) or 0.0 for record in shown])
        axes.barh(range(len(shown)), widths, left=left, height=0.6, color=_STAGES[name], label=name)
        left += widths
    for row, end in enumerate(left):
        axes.annotate(f"{end:.3g}", (end, row), (5, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(shown)), [label_of(record) for record in shown])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("milliseconds, medians one after the other")
    drawing.legend(loc="outside lower center", ncols=len(names), fontsize=8, frameon=False)
    save(drawing, path)


def profile_chart(profile: Profile, path: str | Path) -> None:
    """Draw the time of each operator as a bar, with whiskers between the quartiles.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    operators = profile.operators
    drawing, axes = figure(len(operators) // 2)
    kinds = list(profile.by_kind)
    for row, operator in enumerate(operators):
        color = _KINDS[kinds.index(operator.name) % len(_KINDS)]
        spread = [[max(0.0, operator.ms - operator.low)], [max(0.0, operator.high - operator.ms)]]
        axes.barh(row, operator.ms, height=0.75, color=color)
        axes.errorbar(operator.ms, row, xerr=spread, fmt="none", ecolor="#404040", elinewidth=0.8)
    names = [f"{row}  {operator.name.lower()}" for row, operator in enumerate(operators)]
    axes.set_yticks(range(len(operators)), names, fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("milliseconds that the operator adds; whiskers: quartiles of the rounds")
    unreliable = "; unreliable" if profile.unreliable else ""
    axes.set_title(
        f"{profile.name}: {profile.device}; {profile.runtime} {profile.runtime_version}{unreliable}", fontsize=10
    )
    save(drawing, path)


def latency_over_time_chart(records: Sequence[BenchmarkRecord], path: str | Path) -> None:
    """Draw the median of every round over time, as a multiple of each record's own median.

    Args:
        records: of one run: a line each, or of many the range, quartiles and median of all of them.
        path: image to write.

    Raises:
        EdgeemoError: no record has the times of its rounds.
        MissingExtraError: matplotlib is not installed.
    """
    shown = _with(records, "rounds_at_s")
    drawing, axes = figure(5)
    seconds = shown[0].rounds_at_s
    paces = [np.array(record.rounds_ms) / np.median(record.rounds_ms) for record in shown]
    if len(shown) <= _MOST_LINES:
        for record, pace in zip(shown, paces, strict=True):
            axes.plot(record.rounds_at_s, pace, linewidth=1, marker=".", markersize=4, label=label_of(record))
    else:
        low, quarter, middle, three, high = np.quantile(paces, (0, 0.25, 0.5, 0.75, 1), axis=0)
        axes.fill_between(seconds, low, high, color="#5b7899", alpha=0.2, linewidth=0, label="all models")
        axes.fill_between(seconds, quarter, three, color="#5b7899", alpha=0.5, linewidth=0, label="half of them")
        axes.plot(seconds, middle, color="#c4512d", linewidth=1, label="median of them")
    axes.axhline(1, color="#9a9a9a", linewidth=0.8)
    axes.set_xlabel("seconds since the beginning")
    axes.set_ylabel("median of the round / median of all")
    axes.grid(alpha=0.3)
    drawing.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    save(drawing, path)


def _with(records: Sequence[BenchmarkRecord], field: str) -> list[BenchmarkRecord]:
    shown = [record for record in records if getattr(record, field)]
    if not shown:
        raise DataError("nothing to draw", expected=f"a record with {field}", hint="measure again")
    return shown


def _logarithmic(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
