"""The cases of a benchmark: every model with every runtime, number of threads and delegate."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..edge.common.errors import FileError, ModelError
from ..edge.common.files import existing, sha256
from ..edge.inference.delegate import DelegateSpec, is_compiled, uncompiled_path
from ..edge.model.card import ModelCard, read_card
from ..edge.tflite.graph import Graph, read_graph
from ..train.datasets.dataset import Dataset


@dataclass(frozen=True)
class Case:
    """A model and a way to run it.

    Args:
        name: name, different for each case of a run.
        path: .tflite file.
        bytes: size of the file.
        sha256: hash of the file.
        origin: model from which it was compiled for an accelerator, else the same as ``path``.
        card: card that is embedded, of the model from which it was compiled, or given; None when there is none.
        runtime, threads, delegate: see :func:`edgeemo.edge.inference.interpreter.load`.
        data: images whose labels are in the order of the model's, or None.
    """

    name: str
    path: Path
    bytes: int
    sha256: str
    origin: Path
    card: ModelCard | None
    runtime: str
    threads: int
    delegate: DelegateSpec | None
    data: Dataset | None

    @functools.cached_property
    def operators(self) -> int:
        """Number of operators in the graph; readable in every model that a runtime loads."""
        return len(self._graph(self.path).operators)

    @functools.cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one image; the compiler hides those that it gave to the accelerator."""
        return self._graph(self.origin).macs

    @staticmethod
    def _graph(path: Path) -> Graph:
        return read_graph(path.read_bytes(), str(path))


@dataclass(frozen=True)
class _Setup:
    runtime: str
    threads: int
    delegate: DelegateSpec | None


def case_matrix(
    models: Sequence[str | Path],
    *,
    runtimes: Sequence[str],
    threads: Sequence[int],
    delegates: Sequence[DelegateSpec | None],
    card: ModelCard | None,
    data: Dataset | None,
) -> list[Case]:
    """Return all cases, model by model.

    Args:
        models: .tflite files; the same may come twice.
        runtimes, threads, delegates: every model gets every combination of them; None stands for the CPU.
        card: card of the models that carry none.
        data: images to measure the accuracy on, or None.

    Raises:
        EdgeemoError: a model that cannot be read, that has no card though there is data, or whose labels do not fit.
    """
    setups = [
        _Setup(runtime, count, delegate)
        for runtime in dict.fromkeys(runtimes)
        for count in dict.fromkeys(threads)
        for delegate in dict.fromkeys(delegates)
    ]
    rows = [_row(path, setups, card, data) for path in models]
    names = unique_names([(row[0].card.name if row[0].card else row[0].path.stem, row[0].path.stem) for row in rows])
    several = len(set(runtimes)) > 1, len(set(threads)) > 1, len(set(delegates)) > 1
    return [_named(case, name, several) for name, row in zip(names, rows, strict=True) for case in row]


def _row(path: str | Path, setups: Sequence[_Setup], fallback: ModelCard | None, data: Dataset | None) -> list[Case]:
    path = existing(path, "a .tflite model")
    if path.is_dir():
        raise FileError(f"{path} is a folder", expected="a .tflite model")
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})") from error
    # The Edge TPU's compiler copies no card.
    beside = uncompiled_path(path) if is_compiled(contents) else path
    origin = beside if beside.is_file() else path
    card = read_card(path) or read_card(origin) or fallback
    if data is not None and card is None:
        raise ModelError(
            f"{path} has no model card, its accuracy cannot be measured",
            expected="labels and preprocessing inside the model",
            hint="make one with edgeemo models card, or give a card file with --card",
        )
    own = data.relabeled(card.labels) if data is not None and card is not None else None
    return [
        Case(
            name="",
            path=path,
            bytes=len(contents),
            sha256=sha256(contents),
            origin=origin,
            card=card,
            runtime=setup.runtime,
            threads=setup.threads,
            delegate=setup.delegate,
            data=own,
        )
        for setup in setups
    ]


def _named(case: Case, name: str, several: tuple[bool, bool, bool]) -> Case:
    delegate = "CPU" if case.delegate is None else Path(case.delegate.name).name
    parts = (case.runtime, thread_count(case.threads), delegate)
    return replace(case, name=", ".join([name, *(part for part, shown in zip(parts, several, strict=True) if shown)]))


def thread_count(n: int) -> str:
    """Return a number of threads with its noun."""
    return "1 thread" if n == 1 else f"{n} threads"


def unique_names(choices: Sequence[tuple[str, str]]) -> list[str]:
    """Return a different name for each model.

    Args:
        choices: name by the card and name of the file of each model. The card's is taken unless two models share it,
            then the file's; names that are still equal are numbered.
    """
    shared = Counter(name for name, _ in choices)
    names = [name if shared[name] == 1 else stem for name, stem in choices]
    total, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(f"{name} #{seen[name]}" if total[name] > 1 else name)
    return result
