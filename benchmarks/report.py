"""A page that shows benchmark records: figures, pictures, and what was in the way."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..edge.errors import EdgeemoError, MissingExtra
from ..edge.files import write_text
from ..edge.page import Page
from .charts import course_chart, histogram_chart, stage_chart
from .plot import plot_records
from .record import BenchmarkRecord
from .table import cells, milliseconds, notes

_METHOD = (
    "Every model ran in a process of its own. In each round each had one turn, one query at a time, in an order drawn "
    "anew; ratios are between medians of the same round. A percentile is given only where the number of queries "
    "supports it (64 for p90, 130 for p95, 662 for p99). See docs/benchmarks.md."
)


def write_report(records: Sequence[BenchmarkRecord], path: str | Path) -> None:
    """Write a self-contained HTML page. Records of several runs or devices are shown apart.

    Without matplotlib the page has no pictures, and says so.

    Args:
        records: to show.
        path: of the page.

    Raises:
        EdgeemoError: no records, or the place cannot be written.
    """
    if not records:
        raise EdgeemoError("nothing to report", expected="at least one record")
    page = Page("Benchmark")
    page.paragraph(_METHOD)
    runs = list(dict.fromkeys(record.run for record in records))
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder:
        for run in runs:
            _run(page, [record for record in records if record.run == run], Path(folder))
    write_text(path, page.render())


def _run(page: Page, records: Sequence[BenchmarkRecord], folder: Path) -> None:
    first = records[0]
    page.heading(f"{first.device}, {first.created}")
    tainted = [record for record in records if record.tainted]
    if tainted:
        reasons = dict.fromkeys(reason for record in tainted for reason in record.reasons)
        what = "All figures are" if len(tainted) == len(records) else f"{len(tainted)} of {len(records)} models are"
        page.paragraph(f"{what} tainted, do not quote them: {'; '.join(reasons)}.", note=True)
    head, rows = cells(records)
    page.table([head, *rows])
    for note in notes(records):
        page.paragraph(note)
    try:
        _pictures(page, records, folder)
    except MissingExtra as error:
        page.paragraph(f"There are no pictures: {error.message}")
    page.heading("Load, memory, cost")
    page.table(
        [
            ["model", "load ms", "first ms", "RSS before MB", "RSS peak MB", "MMAC", "GMAC per s", "delegate"],
            *[
                [
                    record.name,
                    milliseconds(record.load_ms),
                    milliseconds(record.first_ms),
                    f"{record.base_rss_mb:,.0f}",
                    f"{record.peak_rss_mb:,.0f}",
                    f"{record.macs / 1e6:,.1f}" if record.macs else "-",
                    f"{record.macs / record.p50_ms / 1e6:,.1f}" if record.macs and record.p50_ms else "-",
                    record.delegate or "-",
                ]
                for record in records
            ],
        ]
    )


def _pictures(page: Page, records: Sequence[BenchmarkRecord], folder: Path) -> None:
    path = folder / "picture.png"

    def show(draw: Callable[[Path], None], caption: str) -> None:
        draw(path)
        page.picture(path, caption)

    if any(record.p50_ms is not None for record in records):
        rated = any(record.accuracy for record in records)
        caption = (
            "Accuracy against latency; what no other model beats in both is on the front." if rated else "Latency."
        )
        show(lambda place: plot_records(records, place), caption)
        if rated:
            show(lambda place: plot_records(records, place, cost="size"), "Accuracy against size.")
    if any(record.histogram for record in records):
        show(lambda place: histogram_chart(records, place), "How the latencies of single queries are distributed.")
    if any(record.stages for record in records):
        frames = any(record.stages and record.stages.frames for record in records)
        caption = "Stages of a frame, from the compressed picture" if frames else "Stages of a face crop"
        show(lambda place: stage_chart(records, place), f"{caption} to the label.")
    if any(record.rounds_at_s for record in records):
        show(lambda place: course_chart(records, place), "The course of the run: what moves all models is the machine.")
