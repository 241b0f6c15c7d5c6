"""``edgeemo doctor``: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from ..common.errors import EXIT_ERROR
from ..common.tables import aligned
from ..host.check import Check, CheckStatus
from ..host.checks import can_run, run_checks
from ..host.hardware import read_device
from ..inference.thread_tuning import Tuning, tune
from ..model.zoo import find_model

_MARKS = {CheckStatus.OK: "ok", CheckStatus.WARNING: "WARNING", CheckStatus.PROBLEM: "PROBLEM"}
SCHEMA = 1


@click.command(name="doctor", short_help="Check this machine, with a hint for every problem.")
@click.option(
    "--tune",
    "model",
    metavar="MODEL",
    help="Measure MODEL (a .tflite or a shipped name) with 1, 2, ... threads; say how many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
@click.pass_context
def command(ctx: click.Context, model: str | None, as_json: bool) -> None:
    """Look at board, system, Python, runtimes, OpenCV, accelerators, cameras, memory, heat and power.

    Every WARNING and PROBLEM says what to do about it. Exit code 1 when a PROBLEM keeps edgeemo from running, else 0.

    Example: edgeemo doctor --tune model.tflite
    """
    # A wrong name is reported before the machine is looked at, which takes seconds.
    path = None if model is None else find_model(model)
    findings = run_checks()
    able = can_run(findings)
    if not as_json:
        click.echo(_text(findings, able))
    # A model cannot be measured where nothing runs; what is wrong is worth more than the error that would follow.
    tuning = tune(path, cores=read_device().cores) if path and able else None
    if as_json:
        click.echo(json.dumps(_document(findings, able, tuning), indent=2, ensure_ascii=False))
    elif tuning:
        click.echo("\n" + _tuning_text(tuning))
    if not able:
        ctx.exit(EXIT_ERROR)


def _document(findings: list[Check], able: bool, tuning: Tuning | None) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": SCHEMA, "runs": able, "findings": [asdict(finding) for finding in findings]}
    if tuning:
        timings = [
            {
                "threads": timing.threads,
                "median_ms": timing.median_ms,
                "ratio": timing.ratio,
                "faster_rounds": timing.won,
            }
            for timing in tuning.timings
        ]
        rounds = len(tuning.timings[0].ratios)
        document["tuning"] = {
            "runtime": tuning.runtime,
            "threads": tuning.threads,
            "rounds": rounds,
            "timings": timings,
        }
    return document


def _text(findings: list[Check], able: bool) -> str:
    width = max(len(finding.area) for finding in findings)
    lines, last = [], ""
    for finding in findings:
        area = finding.area if finding.area != last else ""
        last = finding.area
        lines.append(f"{_MARKS[finding.status]:<7}  {area:<{width}}  {finding.text}")
        if finding.hint:
            lines.append(f"{'':<7}  {'':<{width}}  -> {finding.hint}")
    counts = {status: sum(finding.status is status for finding in findings) for status in CheckStatus}
    verdict = "edgeemo runs here" if able else "edgeemo cannot run here"
    problems, warnings = counts[CheckStatus.PROBLEM], counts[CheckStatus.WARNING]
    lines += ["", f"{verdict}: {_count(problems, 'problem')}, {_count(warnings, 'warning')}"]
    return "\n".join(lines)


def _tuning_text(tuning: Tuning) -> str:
    rounds = len(tuning.timings[0].ratios)
    rows = [("threads", "median ms", "against one", "faster in")]
    for timing in tuning.timings:
        against = ("", "") if timing.threads == 1 else (f"{timing.ratio:.2f}", f"{timing.won} of {rounds} rounds")
        rows.append((str(timing.threads), f"{timing.median_ms:.3f}", *against))
    why = "no more threads are clearly and repeatedly faster" if tuning.threads == 1 else "clearly faster than one"
    return f"{aligned(rows)}\n{tuning.runtime}: take --threads {tuning.threads} ({why})"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
