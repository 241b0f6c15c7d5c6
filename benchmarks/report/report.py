"""A report of benchmark records: figures, images, and why some are unreliable. One page of HTML, or Markdown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ...edge.common.errors import DataError, MissingExtraError, OptionError
from ...edge.common.files import write_text
from ...edge.common.html import Page
from ...edge.common.markdown import MarkdownReport
from ...edge.common.plotting import SUFFIXES
from ..measure.profile import Profile
from ..probes.probe import COST, SUMMARY, Section
from ..probes.registry import probe_rows, probe_sections
from ..record import BenchmarkRecord
from .charts import histogram_chart, latency_over_time_chart, profile_chart, stage_chart
from .cost import LATENCY, costs_of
from .scatter import plot_records
from .table import notes, profile_cells, profile_notes

FORMATS = (".html", ".md")
_METHOD = (
    "Every model ran in a process of its own. In each round each had one turn, one query at a time, in random "
    "order; ratios are between medians of the same round. A percentile is given only where the number of queries "
    "supports it (64 for p90, 130 for p95, 662 for p99). See docs/benchmarks.md."
)


class ReportBuilder(Protocol):
    """Builder of a report, as HTML or Markdown."""

    def heading(self, text: str) -> None:
        """Begin a section."""

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """Add running text; ``note`` sets it off."""

    def items(self, lines: Sequence[str]) -> None:
        """Add a list."""

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table with its header."""

    def image(self, path: str | Path, caption: str) -> None:
        """Add an image, which becomes part of the report."""


def write_report(
    records: Sequence[BenchmarkRecord],
    path: str | Path,
    *,
    profiles: Sequence[Profile] = (),
    title: str = "Benchmark",
    introduction: str = "",
    suffix: str = ".png",
) -> None:
    """Write a report. Records of several runs or devices are shown apart.

    Without matplotlib it has no images, and says so.

    Args:
        records: to show.
        path: of the report; ``.html`` for one self-contained page, ``.md`` for Markdown with its images in a folder
            of the same name beside it.
        profiles: operators of some models, to show below.
        title: of the report.
        introduction: paragraph at the beginning.
        suffix: format of the images, ``.png`` or ``.svg``.

    Raises:
        EdgeemoError: no records, an unknown format, or the place cannot be written.
    """
    path = Path(path)
    if not records:
        raise DataError("nothing to report", expected="at least one record")
    if path.suffix.lower() not in FORMATS:
        raise OptionError("unknown format of a report", expected=" or ".join(FORMATS), got=repr(path.suffix))
    if suffix not in SUFFIXES:
        raise OptionError("unknown image format", expected=" or ".join(SUFFIXES), got=repr(suffix))
    page, markdown = Page(title), MarkdownReport(title, path, path.with_suffix(""))
    report: ReportBuilder = page if path.suffix.lower() == ".html" else markdown
    if introduction:
        report.paragraph(introduction)
    report.paragraph(_METHOD)
    runs = list(dict.fromkeys(record.run for record in records))
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder:
        for number, run in enumerate(runs, 1):
            prefix = f"{number}-" if len(runs) > 1 else ""
            _run(report, [record for record in records if record.run == run], _Images(report, folder, prefix, suffix))
        _profiles(report, profiles, _Images(report, folder, "", suffix))
    if report is page:
        write_text(path, page.render())
    else:
        markdown.write()


class _Images:
    """Draws images for a report, until it turns out that there can be none.

    Args:
        report: that shows them.
        folder: for the files.
        prefix: of their names.
        suffix: of their format.
    """

    def __init__(self, report: ReportBuilder, folder: str, prefix: str, suffix: str) -> None:
        self._report, self._folder, self._prefix, self._suffix = report, folder, prefix, suffix
        self._missing = False

    def show(self, name: str, draw: Callable[[Path], None], caption: str) -> None:
        """Draw one and show it."""
        if self._missing:
            return
        path = Path(self._folder, f"{self._prefix}{name}{self._suffix}")
        try:
            draw(path)
        except MissingExtraError as error:
            self._missing = True
            self._report.paragraph(f"There are no images: {error!s}")
            return
        self._report.image(path, caption)


def _run(report: ReportBuilder, records: Sequence[BenchmarkRecord], images: _Images) -> None:
    first = records[0]
    report.heading(f"{first.device}, {first.created}")
    unreliable = [record for record in records if record.unreliable]
    if unreliable:
        reasons = dict.fromkeys(reason for record in unreliable for reason in record.reasons)
        what = (
            "All figures are" if len(unreliable) == len(records) else f"{len(unreliable)} of {len(records)} models are"
        )
        report.paragraph(f"{what} unreliable, do not quote them: {'; '.join(reasons)}.", note=True)
    report.table(probe_rows(records, SUMMARY))
    report.items(notes(records, details=False))
    _draw(records, images)
    for section in [Section(COST, probe_rows(records, COST)), *probe_sections(records)]:
        report.heading(section.title)
        if section.paragraph:
            report.paragraph(section.paragraph)
        report.table(section.rows)


def _draw(records: Sequence[BenchmarkRecord], images: _Images) -> None:
    rated = any(record.accuracy for record in records)
    for cost in costs_of(records):
        if cost is LATENCY and not rated:
            images.show(cost.name, lambda place: plot_records(records, place), "Latency.")
        elif rated:
            front = "; what no other model beats in both is on the front" if cost is LATENCY else ""
            images.show(
                f"accuracy-{cost.name}",
                lambda place, cost=cost: plot_records(records, place, cost=cost),  # type: ignore[misc]
                f"Accuracy against {cost.label}{front}.",
            )
    if any(record.histogram for record in records):
        images.show(
            "histogram",
            lambda place: histogram_chart(records, place),
            "How the latencies of single queries are distributed.",
        )
    if any(record.stages for record in records):
        frames = any(record.stages and record.stages.frames for record in records)
        caption = "Stages of a frame, from the compressed image" if frames else "Stages of a face crop"
        images.show("stages", lambda place: stage_chart(records, place), f"{caption} to the label.")
    if any(record.rounds_at_s for record in records):
        images.show(
            "latency-over-time",
            lambda place: latency_over_time_chart(records, place),
            "Latency over time: what moves all models at once is the machine.",
        )


def _profiles(report: ReportBuilder, profiles: Sequence[Profile], images: _Images) -> None:
    for number, profile in enumerate(profiles, 1):
        report.heading(f"Operators of {profile.name}")
        if profile.unreliable:
            report.paragraph(f"Unreliable, do not quote it: {'; '.join(profile.reasons)}.", note=True)
        report.items(profile_notes(profile))
        report.table(profile_cells(profile))
        images.show(
            f"operators-{number}",
            lambda place, profile=profile: profile_chart(profile, place),  # type: ignore[misc]
            f"What each operator of {profile.name} adds to an invoke.",
        )
