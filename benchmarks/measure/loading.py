"""The processes of a run: one for each case, without those that a delegate does not run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...edge.common.errors import DelegateError
from ..cases import Case
from ..worker.client import ModelProcess

#: Called with what is being done, how many steps of it are done, and how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LoadedCase:
    """A case whose process is alive.

    Args:
        case: what is measured.
        process: in which it is loaded.
        taken: operators that its delegate runs; None without a delegate, or when the runtime does not report it.
    """

    case: Case
    process: ModelProcess
    taken: int | None


@dataclass(frozen=True)
class LoadedCases:
    """All that can be measured.

    Args:
        cases: in their order.
        left_out: cases that a delegate does not run, one sentence each.
    """

    cases: tuple[LoadedCase, ...]
    left_out: tuple[str, ...]


def load_all(
    cases: Sequence[Case], images: Path | None, stack: contextlib.ExitStack, progress: Progress, *, strict: bool
) -> LoadedCases:
    """Start a process for each case.

    Args:
        cases: cases to measure.
        images: .npz with face crops to feed, or None for noise.
        stack: ends the processes.
        progress: shows how many are loaded.
        strict: whether all of them have to be measured; else a case that its delegate does not run is left out.

    Raises:
        DelegateError: a delegate cannot be used, and nothing may be left out or nothing is left.
        EdgeemoError: a model cannot be loaded.
    """
    ready, left_out = [], []
    for done, case in enumerate(cases):
        progress("load", done, len(cases))
        process = functools.partial(
            ModelProcess,
            case.path,
            card=case.card,
            runtime=case.runtime,
            threads=case.threads,
            delegate=case.delegate,
            images=images,
        )
        try:
            taken = _operators_taken(process(), case) if case.delegate else None
            ready.append(LoadedCase(case, stack.enter_context(process()), taken))
        except DelegateError as error:
            if strict or (done == len(cases) - 1 and not ready):
                raise
            left_out.append(f"{case.name}: {error!s}")
    progress("load", len(cases), len(cases))
    return LoadedCases(tuple(ready), tuple(left_out))


def _operators_taken(process: ModelProcess, case: Case) -> int | None:
    """Return how many operators the delegate runs. Asked in another process, because asking takes memory.

    Raises:
        DelegateError: it cannot be used, or runs none, so that the figures would be the CPU's.
    """
    assert case.delegate is not None
    with process:
        taken: int | None = process.ask("delegated")["operators"]
    if taken == 0:
        raise DelegateError(
            f"the delegate {case.delegate.name} takes no operator of {case.path}: all of it would run on the CPU",
            hint="compile the model for it, or measure without it",
        )
    return taken
