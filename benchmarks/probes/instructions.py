"""Executed instructions on emulated processors, which no busy machine changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from ...edge.common.errors import OptionError
from ..instructions.count import InstructionCounter, Instructions
from ..record import BenchmarkRecord
from ..report.units import ABSENT, millions
from .probe import BenchmarkRun, Column, Probe, Records, Section

_SECTION = (
    "Millions of one inference with one thread on an emulated processor, how they divide into classes, and millions of "
    "the stages around it. A busy machine does not change them. See docs/instruction-counts.md."
)


def _prepare(run: BenchmarkRun) -> InstructionCounter:
    if 1 not in run.options.threads:
        raise OptionError("instructions are counted with one thread", expected="1 among the numbers of threads")
    # What it lacks is an error before minutes of measuring, not after.
    return run.stack.enter_context(InstructionCounter(run.value("arm_python", ())))


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    counter, found = run.prepared["instructions"], []
    for done, one in enumerate(run.cases, start=1):
        case = one.case
        # Threads that wait for each other, and accelerators, cannot be counted.
        counts: tuple[Instructions, ...] = ()
        if case.threads == 1 and case.delegate is None:
            frames = run.prepared["stages"]
            counts = counter.count(case.path, card=case.card, runtime=case.runtime, frames=frames)
        found.append({"instructions": counts})
        run.progress("instructions", done, len(run.cases))
    return found


def _columns(records: Records) -> list[Column]:
    processors = dict.fromkeys(count.processor for record in records for count in record.instructions)
    return [Column(f"M instr. {name}", partial(_inference, processor=name)) for name in processors]


def _inference(record: BenchmarkRecord, processor: str) -> str:
    """Return the count of the first emulated device with this processor."""
    found = [count.invoke for count in record.instructions if count.processor == processor]
    return millions(found[0]) if found else ABSENT


def _sections(records: Records) -> Iterable[Section]:
    """Yield a row for each count. They have no mark: what makes latencies unreliable does not change them."""
    counted = [(record.name, count) for record in records for count in record.instructions]
    if not counted:
        return
    classes = list(dict.fromkeys(name for _, count in counted for name in count.classes))
    stages = list(dict.fromkeys(name for _, count in counted for name in count.stages))
    head = ["model", "processor", "M instr.", *classes, *stages, "around it"]
    rows = [[name, *_row(count, classes, stages)] for name, count in counted]
    yield Section("Executed instructions", [head, *rows], _SECTION)


def _row(count: Instructions, classes: Sequence[str], stages: Sequence[str]) -> list[str]:
    shares = [f"{count.classes.get(name, 0) / count.invoke:.1%}" for name in classes]
    parts = [millions(count.stage(name)) if name in count.stages else ABSENT for name in stages]
    around = f"median of {count.frames} frames" if count.frames else "a face crop" if count.stages else ABSENT
    return [count.processor, millions(count.invoke), *shares, *parts, around]


def _notes(records: Records) -> Iterable[str]:
    for record in records:
        for count in record.instructions:
            yield (
                f"M instr. {count.processor}: millions of instructions of one inference with one thread, on an "
                f"emulated processor with {count.runtime} {count.runtime_version}"
            )


def _details(records: Records) -> Iterable[str]:
    for record in records:
        for count in record.instructions:
            yield f"{record.name} on {count.processor}: {_mix(count)}"


def _mix(count: Instructions) -> str:
    """Return the classes of the inference, and the stages around it."""
    mix = ", ".join(f"{name} {part / count.invoke:.1%}" for name, part in count.classes.items())
    total = sum(count.stage(name) for name in count.stages)
    stages = ", ".join(f"{name} {millions(count.stage(name))}" for name in count.stages)
    what = f"a frame (median of {count.frames})" if count.frames else "a face crop"
    return f"{mix}; {what} takes {millions(total)} million ({stages})" if stages else mix


PROBE = Probe(
    measure=_measure,
    prepare=_prepare,
    columns=_columns,
    sections=_sections,
    notes=_notes,
    details=_details,
    switch="instructions",
    options=(
        click.Option(
            ["--instructions"],
            is_flag=True,
            help="Count executed instructions on emulated processors too (x86-64 with qemu-user): "
            "docs/instruction-counts.md.",
        ),
        click.Option(
            ["--arm-python"],
            metavar="PATH",
            type=click.Path(),
            multiple=True,
            envvar="EDGEEMO_ARM_PYTHON",
            help="Emulated Python for --instructions; give it once for each processor.",
        ),
    ),
    timed=False,
)
