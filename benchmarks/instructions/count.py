"""Counts of the instructions that a model and the stages around it execute on emulated processors."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ...edge.common.errors import DataError, OptionError, RuntimeUnavailableError
from ...edge.common.files import existing
from ...edge.model.card import ModelCard, read_card
from .emulator import Guest, compile_counter, emulator_version
from .markers import Counts


@dataclass(frozen=True)
class Instructions:
    """Instructions of one model on one emulated processor, with one thread.

    Args:
        processor: name of the core (``Cortex-A72``).
        runtime, runtime_version, delegate: what ran the model there.
        invoke: instructions of one inference: set the input, invoke, copy the output; median of ``n``.
        classes: the same by class; they add up to ``invoke``.
        spread: largest minus smallest of the ``n``, as a part of ``invoke``.
        n: inferences that were counted, with different inputs.
        stages: of a frame, or of a face crop when ``frames`` is 0: stage -> class -> instructions; medians, all faces
            of a frame together; empty without a card.
        frames: images with a face that were gone through.
        packages: Python and what decides over the stages -> version.
        emulator: version of qemu-aarch64.
    """

    processor: str
    runtime: str
    runtime_version: str
    delegate: str
    invoke: int
    classes: dict[str, int]
    spread: float
    n: int
    stages: dict[str, dict[str, int]] = field(default_factory=dict)
    frames: int = 0
    packages: dict[str, str] = field(default_factory=dict)
    emulator: str = ""

    def stage(self, name: str) -> int:
        """Return the instructions of a stage; 0 for one that was not counted."""
        return sum(self.stages.get(name, {}).values())


class InstructionCounter:
    """Counts on emulated processors. Use it as a context: what it compiles goes when the block is left.

    Args:
        pythons: emulated interpreters, one for each processor: programs that run qemu-aarch64 with an aarch64 Python;
            `make arm` of a checkout leaves two in ``.arm/bin``.

    Raises:
        EdgeemoError: none is named; qemu-aarch64 or gcc is missing; or an interpreter cannot be run or counted (from
            the ``with`` statement).
    """

    def __init__(self, pythons: Sequence[str | Path]) -> None:
        if not pythons:
            raise OptionError(
                "no emulated Python is named",
                expected="--arm-python PATH or EDGEEMO_ARM_PYTHON",
                hint="make one with `make arm` in a checkout, see docs/instruction-counts.md",
            )
        self._pythons = pythons
        self._emulator = ""
        self._guests: list[Guest] = []

    def __enter__(self) -> InstructionCounter:
        with ExitStack() as stack:
            self._emulator = emulator_version()
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeemo-")))
            compile_counter(folder / "counter.so")
            self._guests = [
                Guest(existing(python, "an emulated Python"), folder / "counter.so", folder) for python in self._pythons
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def count(
        self,
        model: str | Path,
        *,
        card: ModelCard | None = None,
        runtime: str = "auto",
        frames: Sequence[str | Path] = (),
    ) -> tuple[Instructions, ...]:
        """Count one model.

        Args:
            model: a .tflite with one input and one output. It is fed noise of a fixed seed.
            card: of the model; without one it is read from the file, and without any only the inference is counted.
            runtime: see :func:`edgeemo.edge.inference.interpreter.load`; of the emulated interpreter.
            frames: images with faces, to count the way from a compressed image to labels.

        Returns:
            One for each processor.

        Raises:
            EdgeemoError: the model cannot be loaded, contradicts its card, or no face was found in the frames.
        """
        path = existing(model, "a .tflite model").resolve()
        card = card or read_card(path)
        request: dict[str, Any] = {
            "path": str(path),
            "runtime": runtime,
            "card": card.to_dict() if card else None,
            "frames": [str(existing(frame, "an image").resolve()) for frame in frames],
        }
        return tuple(self._count(guest, request) for guest in self._guests)

    def _count(self, guest: Guest, request: dict[str, Any]) -> Instructions:
        facts, counts = guest.ask(request)
        shown = [frame for frame in counts.frames if "invoke" in frame]
        if request["card"] and not shown:
            raise DataError("no face was found in the frames", hint="give images of people who face the camera")
        processor = facts["processor"]
        if not processor.startswith(("Cortex-", "Arm ")):
            raise RuntimeUnavailableError(
                f"{guest.python} does not report which processor it is",
                expected="an Arm processor in the /proc/cpuinfo of its system root",
                got=processor or "nothing",
                hint="see docs/instruction-counts.md",
            )
        invoke = _median(counts, counts.queries)
        totals = counts.queries.sum(axis=1)
        names = shown[0] if shown else {}
        stages = {name: _median(counts, np.array([frame[name] for frame in shown])) for name in names}
        return Instructions(
            processor=processor,
            runtime=facts["runtime"],
            runtime_version=facts["version"],
            delegate=facts["delegate"],
            invoke=sum(invoke.values()),
            classes=invoke,
            spread=float(np.ptp(totals) / np.median(totals)),
            n=len(totals),
            stages=stages,
            frames=len(shown) if request["frames"] else 0,
            packages=facts["packages"],
            emulator=self._emulator,
        )


def _median(counts: Counts, rows: np.ndarray) -> dict[str, int]:
    """Return the row whose total is in the middle, so that its classes add up: class -> instructions."""
    middle = rows[np.argsort(rows.sum(axis=1), kind="stable")[len(rows) // 2]]
    return {name: int(number) for name, number in zip(counts.classes, middle, strict=True)}
