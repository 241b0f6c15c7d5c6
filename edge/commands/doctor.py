"""``edgeemo doctor``: checks of this machine, with a hint for every problem."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from ..common.errors import EXIT_ERROR
from ..common.tables import terminal_table
from ..host.check import Check, CheckStatus
from ..host.checks import can_run, run_checks
from ..host.hardware import read_device
from ..inference.thread_tuning import Tuning, tune
from ..model.zoo import find_model
from .options import json_option, quiet_option

_MARKS = {CheckStatus.OK: "ok", CheckStatus.WARNING: "WARNING", CheckStatus.PROBLEM: "PROBLEM"}
SCHEMA = 1


@click.command(name="doctor", short_help="Check this machine, with a hint for every problem.")
@click.option(
    "--tune",
    "model",
    metavar="MODEL",
    help="Measure MODEL (a .tflite or a shipped name) with 1, 2, ... threads; say how many.",
)
@quiet_option("Print warnings and problems only.")
@json_option("Print one JSON document instead of lines.")
@click.pass_context
def command(ctx: click.Context, model: str | None, quiet: bool, as_json: bool) -> None:
    """Check board, system, Python, runtimes, OpenCV, accelerators, cameras, memory, heat and power.

    Every WARNING and PROBLEM says what to do about it. Exit code 1 when a PROBLEM keeps edgeemo from running, else 0.

    Example: edgeemo doctor --tune model.tflite
    """
    # A wrong name is reported before the checks, which take seconds.
    path = None if model is None else find_model(model)
    checks = run_checks()
    able = can_run(checks)
    if not as_json:
        click.echo(_text([each for each in checks if each.status is not CheckStatus.OK] if quiet else checks, able))
    # A model cannot be measured where nothing runs; what is wrong is worth more than the error that would follow.
    tuning = tune(path, cores=read_device().cores) if path and able else None
    if as_json:
        click.echo(json.dumps(_document(checks, able, tuning), indent=2, ensure_ascii=False))
    elif tuning:
        click.echo("\n" + _tuning_text(tuning))
    if not able:
        ctx.exit(EXIT_ERROR)


def _document(checks: list[Check], able: bool, tuning: Tuning | None) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": SCHEMA, "runs": able, "findings": [asdict(check) for check in checks]}
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


def _text(checks: list[Check], able: bool) -> str:
    width = max((len(check.area) for check in checks), default=0)
    lines, last = [], ""
    for check in checks:
        area = check.area if check.area != last else ""
        last = check.area
        lines.append(f"{_MARKS[check.status]:<7}  {area:<{width}}  {check.text}")
        if check.hint:
            lines.append(f"{'':<7}  {'':<{width}}  -> {check.hint}")
    counts = {status: sum(check.status is status for check in checks) for status in CheckStatus}
    summary = "edgeemo runs here" if able else "edgeemo cannot run here"
    problems, warnings = counts[CheckStatus.PROBLEM], counts[CheckStatus.WARNING]
    lines += ["", f"{summary}: {_count(problems, 'problem')}, {_count(warnings, 'warning')}"]
    return "\n".join(lines)


def _tuning_text(tuning: Tuning) -> str:
    rounds = len(tuning.timings[0].ratios)
    rows = [("threads", "median ms", "compared with one", "faster in")]
    for timing in tuning.timings:
        against = ("", "") if timing.threads == 1 else (f"{timing.ratio:.2f}", f"{timing.won} of {rounds} rounds")
        rows.append((str(timing.threads), f"{timing.median_ms:.3f}", *against))
    why = "no more threads are clearly and repeatedly faster" if tuning.threads == 1 else "clearly faster than one"
    return f"{terminal_table(rows)}\n{tuning.runtime}: take --threads {tuning.threads} ({why})"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
