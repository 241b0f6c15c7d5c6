"""Markdown table of systems, and the block of a README that holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ...edge.common.errors import DataError, FileError
from ...edge.common.files import existing, write_text
from ...edge.common.markdown import markdown_table
from ..methods import METHODS, columns
from .figures import RecordedAccuracy
from .system import REFERENCE, System

ABSENT = "-"
START, END = "<!-- results -->", "<!-- /results -->"


def markdown(systems: Sequence[System]) -> str:
    """Return a Markdown table with a row for each system, and notes below it."""
    names = Counter(system.name for system in systems)
    cells: dict[str, Callable[[System], str]] = {
        "system": lambda s: f"`{s.name}`" + (f" ({s.folder.name})" if s.folder and names[s.name] > 1 else ""),
        "parameters": lambda s: f"{s.parameters:,}" if s.parameters is not None else ABSENT,
        "M MACs": lambda s: f"{s.macs / 1e6:,.1f}" if s.macs is not None else ABSENT,
        "published": lambda s: s.published or ABSENT,
        "measured on": lambda s: _where(s, columns()) or ABSENT,
        **{METHODS.load(method).title: _accuracy_of(method) for method in columns()},
        "change, points": lambda s: _pairs(s, _change),
        "agreement": lambda s: _pairs(s, _agreement),
        "KB": _sizes,
        "ms": _latency,
    }
    rows = [[cell(system) for cell in cells.values()] for system in systems]
    return markdown_table([list(cells), *rows], left=("system", "published", "measured on")) + _listed(notes(systems))


def markdown_by_model(systems: Sequence[System]) -> str:
    """Return a Markdown table with a row for each model, in the order of the methods, and notes below it."""
    head = ["system", "model", "accuracy", "change, points", "loss at most", "agreement", "KB", "ms", "of float32"]
    rows = []
    for system in systems:
        for method in (method for method in METHODS.names() if method in system.models):
            change, timing = system.change(method), system.timings.get(method)
            reference = next(iter(system.timings.values()), None)
            milliseconds = timing.candidate_ms if timing else reference.reference_ms if reference else None
            rows.append(
                [
                    f"`{system.name}`",
                    METHODS.load(method).title,
                    _accuracy_of(method)(system),
                    _change(system, method),
                    f"{change.worst_loss:.2f}" if change else ABSENT,
                    _agreement(system, method),
                    f"{system.models[method].size / 1000:,.0f}",
                    f"{milliseconds:#.3g}" if milliseconds and (timing or method == REFERENCE) else ABSENT,
                    f"{timing.ratio:.2f}" + (" *" if timing.unreliable else "") if timing else ABSENT,
                ]
            )
    known = [
        "accuracy: top-1 with Wilson's 95 % interval; change: paired difference from float32 on the same images, "
        "with its 95 % bootstrap interval; loss at most: upper 95 % bound of the loss, points; of float32: latency "
        "against the float model, measured in turns",
        *(f"{system.name}: {_where(system, METHODS.names())}" for system in systems),
        *_places(systems),
        *(doubt for system in systems for doubt in system.doubts(METHODS.names())),
    ]
    return markdown_table([head, *rows], left=("system", "model")) + _listed(known)


def notes(systems: Sequence[System]) -> list[str]:
    """Return notes on the table, one sentence each."""
    lines = [
        "accuracies: top-1 with Wilson's 95 % interval; change: paired difference from float32 on the same images, "
        f"with its 95 % bootstrap interval; KB: {_joined(METHODS.load(method).title for method in columns())}"
    ]
    lines += _places(systems)
    older = [system.name for system in systems if system.timing and system.timing.older]
    if older:
        lines.append(
            f"latency of {', '.join(older)} was measured before the cards were last written (same name and MACs)"
        )
    lines += [doubt for system in systems for doubt in system.doubts()]
    lines += [f"{s.name} lacks {what}: `{command}`" for s in systems for what, command in s.missing]
    return lines


def _places(systems: Sequence[System]) -> list[str]:
    """Return where and how reliably latencies were measured."""
    measured: dict[str, list[str]] = {}
    for system in systems:
        for where in dict.fromkeys(timing.where for timing in system.timings.values()):
            measured.setdefault(where, []).append(system.name)
    lines = []
    for where, names in measured.items():
        # On one machine all of them: names would say nothing.
        whose = "ms" if len(measured) == 1 else f"ms of {', '.join(names)}"
        lines.append(f"{whose}: median latency and its ratio to float32 in one run, {where}")
    if any(timing.unreliable for system in systems for timing in system.timings.values()):
        lines.append("`*`: unreliable: other programs were busy, the device was throttled, or medians did not settle")
    return lines


def _where(system: System, methods: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(figure.where for figure in system.figures(methods)))


def _listed(sentences: Sequence[str]) -> str:
    return "\n\n" + "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


def replace_block(readme: str | Path, table: str) -> None:
    """Put the table between the markers of a file, atomically; the rest of it stays as it is.

    Raises:
        EdgeemoError: no such file, or it has not exactly one pair of markers.
    """
    path = existing(readme, "a Markdown file")
    try:
        # Bytes, so that the ends of lines stay what they are.
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read ({error})", expected="a Markdown file") from error
    if (text.count(START), text.count(END)) != (1, 1) or text.index(START) > text.index(END):
        raise DataError(
            f"{path} has no place for the table",
            expected=f"one line {START} and, below it, one line {END}",
            hint="put both where the table is to stand",
        )
    before, rest = text.split(START)
    write_text(path, f"{before}{START}\n{table}{END}{rest.split(END)[1]}")


def _accuracy_of(method: str) -> Callable[[System], str]:
    def cell(system: System) -> str:
        figure: RecordedAccuracy | None = system.accuracy(method)
        return f"{figure.accuracy:.2%} [{100 * figure.low:.2f}, {100 * figure.high:.2f}]" if figure else ABSENT

    return cell


def _pairs(system: System, cell: Callable[[System, str], str]) -> str:
    """Return the quantized columns in one cell."""
    titles = {method: METHODS.load(method).title.split()[-1] for method in columns() if method != REFERENCE}
    return "<br>".join(f"{title} {cell(system, method)}" for method, title in titles.items())


def _change(system: System, method: str) -> str:
    change = system.change(method)
    return f"{change.points:+.2f} [{change.low:+.2f}, {change.high:+.2f}]" if change else ABSENT


def _agreement(system: System, method: str) -> str:
    change = system.change(method)
    return f"{change.agreement:.1%}" if change else ABSENT


def _sizes(system: System) -> str:
    return _joined(f"{system.models[m].size / 1000:,.0f}" if m in system.models else ABSENT for m in columns())


def _latency(system: System) -> str:
    timing = system.timing
    if timing is None:
        return ABSENT
    mark = " *" if timing.unreliable else ""
    return f"{timing.reference_ms:#.3g} / {timing.candidate_ms:#.3g} ({timing.ratio:.2f}){mark}"


def _joined(parts: Iterable[str]) -> str:
    return " / ".join(parts)
