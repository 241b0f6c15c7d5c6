"""Benchmark records as a table, for a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...edge.common.tables import aligned
from ..cases import thread_count
from ..instructions.count import Instructions
from ..measure.profile import Profile
from ..record import BenchmarkRecord
from ..statistics.percentiles import PERCENTILES, queries_needed

#: Stands for a figure that was not measured or that too few queries support.
ABSENT = "-"
UNRELIABLE = "unreliable"
_LEFT = ("model", "quantization", "accuracy", "")


def text_table(records: Sequence[BenchmarkRecord]) -> str:
    """Aligned columns with notes below, for a terminal."""
    head, rows = cells(records)
    left = [column for column, name in enumerate(head) if name in _LEFT]
    return "\n".join([aligned([head, *rows], left=left), "", *notes(records)]) + "\n"


def markdown_table(records: Sequence[BenchmarkRecord]) -> str:
    """A Markdown table with notes below."""
    head, rows = cells(records)
    rule = [":--" if name in _LEFT else "--:" for name in head]
    safe = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in [head, rule, *safe]]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(records))]) + "\n"


def notes(records: Sequence[BenchmarkRecord], *, figures: bool = True) -> list[str]:
    """What must be known to read the figures, one sentence each: device, ratios, missing percentiles, data, taint.

    Args:
        records: that are shown.
        figures: among them the figures of a single model that the table has no column for.
    """
    lines = _unique(
        f"measured on {r.device}; {r.runtime} {r.runtime_version}, {thread_count(r.threads)}" for r in records
    )
    lines += _unique(
        f"ratio: latency over that of {r.ratio.to}, median [quartiles] of {r.ratio.rounds} rounds"
        for r in records
        if r.ratio
    )
    for which in PERCENTILES:
        short = [r for r in records if getattr(r, f"p{which}_ms") is None]
        if short and f"p{which}" in _SHOWN:
            fewest = min(r.n for r in short)
            lines.append(f"p{which} needs {queries_needed(which)} queries ({fewest} were run): --queries")
    lines += _unique(
        f"accuracy: {r.accuracy.dataset}, split {r.accuracy.split}, n = {r.accuracy.n:,}, 95 % confidence interval"
        for r in records
        if r.accuracy
    )
    lines += _figures(records) if figures else []
    said = dict.fromkeys(r.notes for r in records if r.notes)
    lines += [f"{', '.join(r.name for r in records if r.notes == note)}: {note}" for note in said]
    lines += _unique(_counted(count) for r in records for count in r.instructions)
    if figures:
        lines += [f"{r.name} on {count.processor}: {_mix(count)}" for r in records for count in r.instructions]
    lines += _unique(f"meanwhile: {r.trace}" for r in records if r.trace and str(r.trace))
    lines += _unique(f"not measured: {sentence}" for r in records for sentence in r.left_out)
    lines += _unique(f"{UNRELIABLE}: {reason}" for r in records for reason in r.reasons)
    return lines


def _figures(records: Sequence[BenchmarkRecord]) -> list[str]:
    """Frames, drift, offline throughput and ceiling, a sentence for each model that has them."""
    lines = [
        f"{r.name}: a frame takes {milliseconds(r.stages.total)} ms (decode {milliseconds(r.stages.decode)}, "
        f"detect {milliseconds(r.stages.detect)}, preprocess {milliseconds(r.stages.preprocess)}, "
        f"invoke {milliseconds(r.stages.invoke)}, postprocess {milliseconds(r.stages.postprocess)}), "
        f"medians of {r.stages.frames} frames, {r.stages.faces:.1f} faces in each"
        for r in records
        if r.stages and r.stages.frames
    ]
    lines += [
        f"{r.name}: after {r.trend.minutes:.1f} minutes {r.trend.ratio:.3f} times as slow as at the beginning "
        f"(99 % interval {r.trend.low:.3f} to {r.trend.high:.3f})"
        for r in records
        if r.trend
    ]
    lines += [
        f"{r.name}: offline {r.offline.per_s:,.0f} images per second [{r.offline.low:,.0f}, {r.offline.high:,.0f}], "
        + (f"in batches of {r.offline.batch}" if r.offline.batch > 1 else "one by one")
        for r in records
        if r.offline
    ]
    lines += [
        f"{r.name}: {r.ceiling.fraction:.0%} [{r.ceiling.low:.0%}, {r.ceiling.high:.0%}] of the "
        f"{r.ceiling.gmacs:,.0f} GMAC/s that int8 matrix products reach in {r.runtime}, {thread_count(r.threads)}"
        for r in records
        if r.ceiling
    ]
    return lines


def profile_table(profile: Profile) -> str:
    """The operators of a model as aligned columns with notes below, for a terminal."""
    return "\n".join([aligned(profile_cells(profile), left=(0, 1)), "", *profile_notes(profile)]) + "\n"


def profile_cells(profile: Profile) -> list[list[str]]:
    """Header and rows of the operators of a model, and of all of them together."""
    whole = profile.total_ms
    rows = [
        [
            f"{number} {operator.name}" + ("" if operator.delegated is not False else " (not delegated)"),
            " x ".join(map(str, operator.shape[1:])),
            f"{operator.macs / 1e6:,.2f}",
            f"{operator.ms:.4f}",
            f"{operator.low:.4f} to {operator.high:.4f}",
            f"{operator.ms / whole:.1%}",
        ]
        for number, operator in enumerate(profile.operators)
    ]
    added, macs = sum(operator.ms for operator in profile.operators), sum(op.macs for op in profile.operators)
    rows.append(["all", "", f"{macs / 1e6:,.2f}", f"{added:.4f}", "", f"{added / whole:.1%}"])
    return [["operator", "output", "MMAC", "ms", "quartiles", "of the whole"], *rows]


def profile_notes(profile: Profile) -> list[str]:
    """What must be known to read a profile, one sentence each."""
    kinds = ", ".join(f"{count} {name} {ms:.4f} ms" for name, (count, ms) in profile.by_kind.items())
    return [
        f"{profile.name}: the whole model takes {milliseconds(profile.total_ms)} ms; {kinds}",
        f"measured on {profile.device}; {profile.runtime} {profile.runtime_version}, {thread_count(profile.threads)}; "
        f"{profile.rounds} rounds",
        "an operator's time is what the model that ends with it takes longer than the one that ends before it; "
        "differences within the quartiles are noise, and what a runtime computes in one go belongs to the first of it",
        *(f"{UNRELIABLE}: {reason}" for reason in profile.reasons),
    ]


_SHOWN = ("p50", "p90", "p99")


def cells(records: Sequence[BenchmarkRecord]) -> tuple[list[str], list[list[str]]]:
    """Header and rows. Columns that nobody fills (accuracy, ratio, mark) are left out."""
    columns = {
        "model": [r.name for r in records],
        "quantization": [r.quantization for r in records],
        "KB": [f"{r.bytes / 1000:,.0f}" for r in records],
        **{f"{p} ms": [milliseconds(getattr(r, f"{p}_ms")) for r in records] for p in _SHOWN},
        "ratio": [
            f"{r.ratio.median:.2f} [{r.ratio.low:.2f}, {r.ratio.high:.2f}]" if r.ratio else ABSENT for r in records
        ],
        "per s": [f"{r.throughput:,.0f}" if r.throughput >= 10 else f"{r.throughput:.2g}" for r in records],
        **{f"M instr. {name}": [_millions(r, name) for r in records] for name in _processors(records)},
        "RSS MB": [f"{r.peak_rss_mb:,.0f}" for r in records],
        "accuracy": [_accuracy(r) for r in records],
        "": [UNRELIABLE if r.unreliable else "" for r in records],
    }
    optional = ("ratio", "accuracy", "")
    kept = {k: v for k, v in columns.items() if k not in optional or any(cell not in ("", ABSENT) for cell in v)}
    return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]


def _processors(records: Sequence[BenchmarkRecord]) -> list[str]:
    return list(dict.fromkeys(count.processor for record in records for count in record.instructions))


def _millions(record: BenchmarkRecord, processor: str) -> str:
    """Of the first emulated device with this processor."""
    found = [count.invoke for count in record.instructions if count.processor == processor]
    return millions(found[0]) if found else ABSENT


def millions(number: int) -> str:
    """Millions with three significant digits: inferences go from 0.1 to 1,000 of them."""
    return milliseconds(number / 1e6)


def _counted(count: Instructions) -> str:
    return (
        f"M instr. {count.processor}: millions of instructions of one inference with one thread, on an emulated "
        f"processor with {count.runtime} {count.runtime_version}"
    )


def _mix(count: Instructions) -> str:
    """Classes of the inference, and the stages around it."""
    mix = ", ".join(f"{name} {part / count.invoke:.1%}" for name, part in count.classes.items())
    total = sum(count.stage(name) for name in count.stages)
    stages = ", ".join(f"{name} {millions(count.stage(name))}" for name in count.stages)
    what = f"a frame (median of {count.frames})" if count.frames else "a face crop"
    return f"{mix}; {what} takes {millions(total)} million ({stages})" if stages else mix


def milliseconds(value: float | None) -> str:
    """Three significant digits: latencies go from 0.02 to 2,000 ms."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _accuracy(record: BenchmarkRecord) -> str:
    if record.accuracy is None:
        return ABSENT
    figure = record.accuracy.figure
    low, high = figure.interval
    return f"{figure.value:.1%} [{100 * low:.1f}, {100 * high:.1f}]"


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
