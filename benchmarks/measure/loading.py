"""The processes of a run: one for each subject, and word of what a delegate does not run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...edge.inference.delegate import DelegateError
from ..cases import Subject
from ..worker.client import ModelProcess

#: Told what is being done, how many steps of it are done, and how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Ready:
    """A subject whose process is alive.

    Args:
        subject: what is measured.
        process: in which it is loaded.
        taken: operators that its delegate runs; None without a delegate, or when the runtime does not tell.
    """

    subject: Subject
    process: ModelProcess
    taken: int | None


@dataclass(frozen=True)
class Loaded:
    """All that can be measured.

    Args:
        ready: in the order of the subjects.
        left_out: what a delegate does not run, one sentence each.
    """

    ready: tuple[Ready, ...]
    left_out: tuple[str, ...]


def load_all(
    subjects: Sequence[Subject], images: Path | None, stack: contextlib.ExitStack, tell: Progress, *, choosy: bool
) -> Loaded:
    """Start a process for each subject.

    Args:
        subjects: what is to be measured.
        images: .npz with face crops to feed, or None for noise.
        stack: ends the processes.
        tell: how far it is.
        choosy: whether all of them have to be measured; else what its delegate does not run is left out.

    Raises:
        DelegateError: a delegate cannot be used, and nothing may be left out or nothing is left.
        EdgeemoError: a model cannot be loaded.
    """
    ready, left_out = [], []
    for done, subject in enumerate(subjects):
        tell("load", done, len(subjects))
        process = functools.partial(
            ModelProcess,
            subject.path,
            card=subject.card,
            runtime=subject.runtime,
            threads=subject.threads,
            delegate=subject.delegate,
            images=images,
        )
        try:
            taken = _operators_taken(process(), subject) if subject.delegate else None
            ready.append(Ready(subject, stack.enter_context(process()), taken))
        except DelegateError as error:
            if choosy or (done == len(subjects) - 1 and not ready):
                raise
            left_out.append(f"{subject.name}: {error.message}")
    tell("load", len(subjects), len(subjects))
    return Loaded(tuple(ready), tuple(left_out))


def _operators_taken(process: ModelProcess, subject: Subject) -> int | None:
    """How many operators the delegate runs, found out in a process of its own: the look would count as memory.

    Raises:
        DelegateError: it cannot be used, or runs none, so that the figures would be the CPU's.
    """
    assert subject.delegate is not None
    with process:
        taken: int | None = process.ask("delegated")["operators"]
    if taken == 0:
        raise DelegateError(
            f"the delegate {subject.delegate.name} takes no operator of {subject.path}: all of it would run on the CPU",
            hint="compile the model for it, or measure without it",
        )
    return taken
