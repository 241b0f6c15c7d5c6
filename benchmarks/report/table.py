"""Benchmark records as a table, for a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ...edge.common import markdown
from ...edge.common.tables import aligned
from ..cases import thread_count
from ..measure.profile import Profile
from ..probes.probe import SUMMARY
from ..probes.registry import probe_rows, shown_probes
from ..record import BenchmarkRecord
from .units import milliseconds

UNRELIABLE = "unreliable"
_LEFT = ("model", "quantization", "accuracy", "")


def text_table(records: Sequence[BenchmarkRecord]) -> str:
    """Return aligned columns with notes below, for a terminal."""
    rows = probe_rows(records, SUMMARY)
    left = [column for column, name in enumerate(rows[0]) if name in _LEFT]
    return "\n".join([aligned(rows, left=left), "", *notes(records)]) + "\n"


def markdown_table(records: Sequence[BenchmarkRecord]) -> str:
    """Return a Markdown table with notes below."""
    table = markdown.markdown_table(probe_rows(records, SUMMARY), left=_LEFT)
    return "\n".join([table, "", *(f"- {note}" for note in notes(records))]) + "\n"


def notes(records: Sequence[BenchmarkRecord], *, details: bool = True) -> list[str]:
    """Return what must be known to read the figures, one sentence each.

    Args:
        records: that are shown.
        details: among them the figures of a single model that the table has no column for.
    """
    probes = list(shown_probes(records))
    lines = [f"measured on {r.device}; {r.runtime} {r.runtime_version}, {thread_count(r.threads)}" for r in records]
    lines += [line for probe in probes for line in probe.notes(records)]
    lines += [line for probe in probes for line in probe.details(records)] if details else []
    for note in dict.fromkeys(record.notes for record in records if record.notes):
        lines.append(f"{', '.join(record.name for record in records if record.notes == note)}: {note}")
    lines += [f"meanwhile: {r.trace}" for r in records if r.trace and str(r.trace)]
    lines += [f"not measured: {sentence}" for r in records for sentence in r.left_out]
    lines += [f"{UNRELIABLE}: {reason}" for r in records for reason in r.reasons]
    return list(dict.fromkeys(lines))


def profile_table(profile: Profile) -> str:
    """Return the operators of a model as aligned columns with notes below, for a terminal."""
    return "\n".join([aligned(profile_cells(profile), left=(0, 1)), "", *profile_notes(profile)]) + "\n"


def profile_cells(profile: Profile) -> list[list[str]]:
    """Return header and rows of the operators of a model, and of all of them together."""
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
    """Return what must be known to read a profile, one sentence each."""
    kinds = ", ".join(f"{count} {name} {ms:.4f} ms" for name, (count, ms) in profile.by_kind.items())
    return [
        f"{profile.name}: the whole model takes {milliseconds(profile.total_ms)} ms; {kinds}",
        f"measured on {profile.device}; {profile.runtime} {profile.runtime_version}, {thread_count(profile.threads)}; "
        f"{profile.rounds} rounds",
        "an operator's time is what the model that ends with it takes longer than the one that ends before it; "
        "differences within the quartiles are noise, and what a runtime computes in one go belongs to the first of it",
        *(f"{UNRELIABLE}: {reason}" for reason in profile.reasons),
    ]
