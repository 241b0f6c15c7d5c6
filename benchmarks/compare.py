"""Comparison of two sets of benchmark records: which models got slower beyond the noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..edge.common.errors import DataError
from ..edge.common.tables import aligned
from .cases import thread_count
from .record import BenchmarkRecord
from .report.units import millions, milliseconds
from .statistics.bootstrap import ratio_interval

#: Relative change of the median that the same model also shows when it is measured twice.
TOLERANCE = 0.03
#: Instruction counts that differ by more than this differ in what is executed.
_REPEATS = 0.001
SLOWER, FASTER, SAME, UNCLEAR, UNRELIABLE = "slower", "faster", "same", "unclear", "unreliable"
#: What identifies a model between two runs: name, runtime, threads and delegate.
_Key = tuple[str, str, int, str]
#: What the runtime's own delegate may be called, which depends on its version and not on the user.
_CPU = ("", "none", "xnnpack")


@dataclass(frozen=True)
class LatencyChange:
    """Change of the latency of one model.

    Args:
        name: name of the model, with runtime and threads where two have the same.
        old_ms, new_ms: median latency.
        ratio, low, high: new over old, with its 99 % confidence interval.
        verdict: ``slower``, ``faster``, ``same``, ``unclear`` or ``unreliable``.
        reasons: why records behind these figures are unreliable, whether they were counted or not.
        notes: other differences between old and new.
    """

    name: str
    old_ms: float
    new_ms: float
    ratio: float
    low: float
    high: float
    verdict: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All changes between two sets of records.

    Args:
        changes: one for each model that is in both.
        gone, added: names of the models that are in one only.
    """

    changes: tuple[LatencyChange, ...]
    gone: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def slower(self) -> tuple[LatencyChange, ...]:
        """What got slower beyond the noise."""
        return tuple(change for change in self.changes if change.verdict == SLOWER)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    def text(self) -> str:
        """Return a table with notes below."""
        head = ["model", "old ms", "new ms", "ratio", "99 % interval", "verdict"]
        marked = any(change.reasons and change.verdict != UNRELIABLE for change in self.changes)
        head += [""] if marked else []
        rows = [
            [
                change.name,
                milliseconds(change.old_ms),
                milliseconds(change.new_ms),
                f"{change.ratio:.3f}",
                f"{change.low:.3f} to {change.high:.3f}",
                change.verdict,
                *([UNRELIABLE if change.reasons else ""] if marked else []),
            ]
            for change in self.changes
        ]
        notes = [f"only in the old records: {name}" for name in self.gone]
        notes += [f"only in the new records: {name}" for name in self.added]
        notes += [f"{change.name}: {note}" for change in self.changes for note in change.notes]
        notes += [
            f"{UNRELIABLE}: {name}" for name in dict.fromkeys(r for change in self.changes for r in change.reasons)
        ]
        return "\n".join([aligned([head, *rows], left=(0, 5, 6)), "", *notes]).rstrip("\n") + "\n"


def compare(
    old: Sequence[BenchmarkRecord],
    new: Sequence[BenchmarkRecord],
    *,
    tolerance: float = TOLERANCE,
    relative: bool = False,
    include_unreliable: bool = False,
) -> Comparison:
    """Compare new records with old ones.

    A model is slower when the whole confidence interval of its ratio (see
    :func:`edgeemo.benchmarks.statistics.bootstrap.ratio_interval`) lies above 1 + tolerance, faster when it lies below
    1 / (1 + tolerance), the same when it lies between the two, and unclear otherwise. Several records of a model in one
    set are taken as several runs, unreliable ones never together with others.

    Args:
        old, new: of one device.
        tolerance: change of the median that does not matter.
        relative: take each round as a multiple of the first model of its run, so that a machine that is slower or
            busier as a whole does not count.
        include_unreliable: count unreliable records too.

    Raises:
        DataError: no model in both, records of different devices, nothing reliable, or with ``relative`` a run
            without its first model.
    """
    devices = {(r.device.board, r.device.cpu, r.device.cores) for r in [*old, *new]}
    if len(devices) > 1:
        raise DataError(
            "the records are of different devices",
            expected="records of one device",
            got="; ".join(sorted({str(r.device) for r in [*old, *new]})),
        )
    before, after = _groups(old, relative), _groups(new, relative)
    shared = [key for key in before if key in after]
    if not shared:
        raise DataError(
            "nothing to compare", expected="a model of the same name, runtime, threads and delegate in both", got="none"
        )
    several = len({name for name, *_ in shared}) < len(shared)
    changes = tuple(
        _change(_label(key, several), before[key], after[key], tolerance, include_unreliable) for key in shared
    )
    if all(change.verdict == UNRELIABLE for change in changes):
        reasons = "; ".join(dict.fromkeys(why for change in changes for why in change.reasons))
        raise DataError(
            f"nothing can be concluded, all records are unreliable ({reasons})",
            hint="measure again on a quiet device, or count them too with --include-unreliable",
        )
    return Comparison(
        changes,
        tuple(_label(key, several) for key in before if key not in after),
        tuple(_label(key, several) for key in after if key not in before),
    )


@dataclass(frozen=True)
class _Run:
    """One record, and its rounds as they are to be compared."""

    record: BenchmarkRecord
    rounds: np.ndarray


def _groups(records: Sequence[BenchmarkRecord], relative: bool) -> dict[_Key, list[_Run]]:
    groups: dict[_Key, list[_Run]] = {}
    references = {record.run: record for record in records if record.ratio is None}
    for record in records:
        rounds = np.array(record.rounds_ms)
        if relative:
            reference = references.get(record.run)
            if reference is None:
                raise DataError(f"run {record.run} lacks its first model", hint="compare without --relative")
            if reference is record:
                continue
            rounds = rounds / np.array(reference.rounds_ms)
        delegate = "" if record.delegate in _CPU else record.delegate
        groups.setdefault((record.name, record.runtime, record.threads, delegate), []).append(_Run(record, rounds))
    return groups


def _change(
    name: str, old: Sequence[_Run], new: Sequence[_Run], tolerance: float, include_unreliable: bool
) -> LatencyChange:
    barred = False
    if not include_unreliable:
        clean_old, clean_new = ([run for run in runs if not run.record.unreliable] for runs in (old, new))
        if clean_old and clean_new:
            old, new = clean_old, clean_new
        else:
            barred = True
    found = ratio_interval([run.rounds for run in new], [run.rounds for run in old])
    return LatencyChange(
        name=name,
        old_ms=_median(old),
        new_ms=_median(new),
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        verdict=UNRELIABLE if barred else _verdict(found.low, found.high, tolerance),
        reasons=tuple(dict.fromkeys(reason for run in [*old, *new] for reason in run.record.reasons)),
        notes=tuple(_differences([run.record for run in old], [run.record for run in new])),
    )


def _differences(old: Sequence[BenchmarkRecord], new: Sequence[BenchmarkRecord]) -> Iterator[str]:
    """Yield possible causes: another version of the runtime, or another model of the same name."""
    for what, field in (("the runtime", "runtime_version"), ("the package", "edgeemo")):
        before, after = ([str(getattr(record, field)) for record in records] for records in (old, new))
        if set(before) != set(after):
            yield f"{what} went from {_joined(before)} to {_joined(after)}"
    before, after = ([record.sha256 for record in records] for records in (old, new))
    if set(before) != set(after):
        yield "the files of the model differ"
    for processor in dict.fromkeys(count.processor for record in new for count in record.instructions):
        one, two = (_invokes(records, processor) for records in (old, new))
        if one and two and abs(two / one - 1) > _REPEATS:
            change = f"{millions(one)} to {millions(two)} million ({two / one - 1:+.1%})"
            yield f"instructions on {processor} went from {change}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names))


def _invokes(records: Sequence[BenchmarkRecord], processor: str) -> int | None:
    """Return the instructions of an inference, of the last record that has them."""
    counts = [count.invoke for record in records for count in record.instructions if count.processor == processor]
    return counts[-1] if counts else None


def _median(runs: Sequence[_Run]) -> float:
    return float(np.median(np.concatenate([run.record.rounds_ms for run in runs])))


def _verdict(low: float, high: float, tolerance: float) -> str:
    slow, fast = 1 + tolerance, 1 / (1 + tolerance)
    if low > slow:
        return SLOWER
    if high < fast:
        return FASTER
    return SAME if fast <= low and high <= slow else UNCLEAR


def _label(key: _Key, several: bool) -> str:
    name, runtime, threads, delegate = key
    if not several:
        return name
    return f"{name} ({', '.join([runtime, thread_count(threads), *filter(None, [delegate])])})"
