"""The tables of a report below the first one: header and rows, a column only where somebody fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..instructions.count import Instructions
from ..record import BenchmarkRecord
from ..statistics.percentiles import PERCENTILES
from .table import ABSENT, UNRELIABLE, millions, milliseconds

Cells = list[list[str]]
_STAGES = ("decode", "detect", "preprocess", "invoke", "postprocess", "total")


def percentile_cells(records: Sequence[BenchmarkRecord]) -> Cells:
    """Every percentile that enough queries support, with its bound."""

    def percentile(which: int) -> Callable[[BenchmarkRecord], str]:
        def cell(record: BenchmarkRecord) -> str:
            value, bound = getattr(record, f"p{which}_ms"), record.bounds_ms.get(f"p{which}")
            return milliseconds(value) + (f" [{milliseconds(bound)}]" if bound is not None else "")

        return cell

    return _cells(
        records,
        {
            "queries": lambda r: f"{r.n:,}",
            **{f"p{which} ms [bound]": percentile(which) for which in PERCENTILES},
            "mean ms": lambda r: milliseconds(r.mean_ms),
        },
    )


def cost_cells(records: Sequence[BenchmarkRecord]) -> Cells:
    """What a model takes beside its latency, and what the device made of it."""
    return _cells(
        records,
        {
            "load ms": lambda r: milliseconds(r.load_ms),
            "first ms": lambda r: milliseconds(r.first_ms),
            "RSS before MB": lambda r: f"{r.base_rss_mb:,.0f}",
            "RSS peak MB": lambda r: f"{r.peak_rss_mb:,.0f}",
            "MMAC": lambda r: f"{r.macs / 1e6:,.1f}" if r.macs else ABSENT,
            "GMAC per s": lambda r: f"{r.macs / r.p50_ms / 1e6:,.1f}" if r.macs and r.p50_ms else ABSENT,
            "of the ceiling": lambda r: f"{r.ceiling.fraction:.0%}" if r.ceiling else ABSENT,
            "ceiling, GMAC per s": lambda r: f"{r.ceiling.gmacs:,.0f}" if r.ceiling else ABSENT,
            "offline per s": lambda r: (
                f"{r.offline.per_s:,.0f} [{r.offline.low:,.0f}, {r.offline.high:,.0f}]" if r.offline else ABSENT
            ),
            "batch": lambda r: f"{r.offline.batch}" if r.offline else ABSENT,
            "delegate": lambda r: r.delegate or ABSENT,
        },
    )


def trend_cells(records: Sequence[BenchmarkRecord]) -> Cells:
    """How the medians of a sustained run changed; only the header when there was none."""
    head, *rows = _cells(
        [record for record in records if record.trend],
        {
            "minutes": lambda r: f"{r.trend.minutes:.1f}" if r.trend else ABSENT,
            "first fifth ms": lambda r: milliseconds(r.trend.first_ms if r.trend else None),
            "last fifth ms": lambda r: milliseconds(r.trend.last_ms if r.trend else None),
            "last over first": lambda r: f"{r.trend.ratio:.3f}" if r.trend else ABSENT,
            "99 % interval": lambda r: f"{r.trend.low:.3f} to {r.trend.high:.3f}" if r.trend else ABSENT,
        },
    )
    return [head, *rows]


def stage_cells(records: Sequence[BenchmarkRecord]) -> Cells:
    """The stages that were measured."""

    def stage(name: str) -> Callable[[BenchmarkRecord], str]:
        return lambda record: milliseconds(getattr(record.stages, name))

    return _cells([record for record in records if record.stages], {name: stage(name) for name in _STAGES})


def instruction_cells(records: Sequence[BenchmarkRecord]) -> Cells:
    """Executed instructions: an inference, its classes, and the stages around it. What taints latencies does not."""
    counted = [(record.name, count) for record in records for count in record.instructions]
    classes = list(dict.fromkeys(name for _, count in counted for name in count.classes))
    stages = list(dict.fromkeys(name for _, count in counted for name in count.stages))
    head = ["model", "processor", "M instr.", *classes, *stages, "around it"]
    return [head, *([name, *_instructions(count, classes, stages)] for name, count in counted)]


def _instructions(count: Instructions, classes: Sequence[str], stages: Sequence[str]) -> list[str]:
    shares = [f"{count.classes.get(name, 0) / count.invoke:.1%}" for name in classes]
    parts = [millions(count.stage(name)) if name in count.stages else ABSENT for name in stages]
    around = f"median of {count.frames} frames" if count.frames else "a face crop" if count.stages else ABSENT
    return [count.processor, millions(count.invoke), *shares, *parts, around]


def _cells(records: Sequence[BenchmarkRecord], columns: dict[str, Callable[[BenchmarkRecord], str]]) -> Cells:
    """Header and rows; the last column marks what is unreliable."""
    filled = {name: [cell(record) for record in records] for name, cell in columns.items()}
    filled = {name: cells for name, cells in filled.items() if any(cell != ABSENT for cell in cells)}
    if any(record.unreliable for record in records):
        filled[""] = [UNRELIABLE if record.unreliable else "" for record in records]
    names = [record.name for record in records]
    return [["model", *filled], *([name, *row] for name, *row in zip(names, *filled.values(), strict=True))]
