"""Executed instructions on the emulated device: the same every time, and those of the reference file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeemo.benchmarks.instructions.count import InstructionCounter, Instructions

from .reference import FILE, count, subjects

#: A compiler of another day arranges a function differently; a kernel that is not taken any more costs far more.
TOLERANCE = 0.02
REPEAT = 0.001
#: Python's own part differs by how its memory lies, by up to some 1,500 of postprocessing's 42,000.
FEW = 4000

EMULATED = os.environ.get("EDGEEMO_ARM_PYTHON", "")
SUBJECTS = subjects()
pytestmark = [
    pytest.mark.skipif(not EMULATED, reason="no emulated device is named: run make test-arm"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def counter() -> Iterator[InstructionCounter]:
    with InstructionCounter([EMULATED]) as counter:
        yield counter


@pytest.fixture(scope="module")
def counts(counter: InstructionCounter, tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Instructions]:
    """Every subject, counted once."""
    folder = tmp_path_factory.mktemp("counts")
    return {subject: count(counter, subject, folder)[0] for subject in SUBJECTS}


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_counts_are_those_of_the_reference(subject: tuple[str, str, bool], counts: dict[Any, Instructions]) -> None:
    found = counts[subject]
    runtime = f"{found.runtime} {found.runtime_version}"
    rows = [
        row
        for row in json.loads(FILE.read_text())
        if (row["model"], row["processor"], row["runtime"].split()[0]) == (subject[0], found.processor, found.runtime)
    ]
    assert len(rows) == 1, "the reference file lacks it: python -m tests.arm.reference"
    (row,) = rows
    print(
        f"{subject[0]}, {found.processor}, {runtime}: {found.invoke:,} instructions, {row['runtime']} is the reference"
    )
    if row["runtime"] != runtime:
        pytest.skip(f"the reference is of {row['runtime']}, {runtime} is installed: python -m tests.arm.reference")
    assert found.invoke == pytest.approx(sum(row["invoke"].values()), rel=TOLERANCE)
    for name, number in row["invoke"].items():
        assert found.classes[name] == pytest.approx(number, abs=TOLERANCE * found.invoke), name
    if row["packages"] == found.packages:
        stages = {name: found.stage(name) for name in found.stages}
        assert stages == pytest.approx(row["stages"], rel=TOLERANCE, abs=FEW)


def test_counts_repeat(counter: InstructionCounter, counts: dict[Any, Instructions], tmp_path: Path) -> None:
    subject = SUBJECTS[0]
    first, second = counts[subject], count(counter, subject, tmp_path)[0]
    assert second.invoke == pytest.approx(first.invoke, rel=REPEAT)
    assert list(second.stages) == ["decode", "detect", "preprocess", "invoke", "postprocess"]
    for name in second.stages:
        assert second.stage(name) == pytest.approx(first.stage(name), rel=REPEAT, abs=FEW), name


def test_what_differs_between_inputs_is_little(counts: dict[Any, Instructions]) -> None:
    assert {subject: found.spread for subject, found in counts.items() if found.spread > 0.005} == {}
