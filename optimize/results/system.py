"""A system: its models, their figures, and what is missing.

Nothing is measured here and nothing is guessed: a figure stands in a card or a record, or it is missing and the command
that makes it is named.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...edge.model.card import Quantization
from ..methods import METHODS, columns
from .figures import RecordedAccuracy, RecordedChange
from .model import Model

#: Method of the model that all others are compared with.
REFERENCE = Quantization.method


@dataclass(frozen=True)
class Timing:
    """Two models that were measured in turns.

    Args:
        reference_ms, candidate_ms: median latency of the float and of the quantized model.
        ratio: median over the rounds of the quantized latency over the float one.
        where: runtime, threads and device.
        unreliable: whether something disturbed the measurement.
        older: whether a model's file has changed since, as a figure written into its card changes it.
    """

    reference_ms: float
    candidate_ms: float
    ratio: float
    where: str
    unreliable: bool
    older: bool


@dataclass(frozen=True)
class System:
    """A system: a recipe with its models and figures.

    Args:
        name: of its recipe.
        published: the published figure, by the recipe.
        folder: of its run, which may be gone; None when only models are there.
        data: options that choose the data with which it was trained, for the commands that are named.
        parameters: of the network; None when unknown.
        models: method -> model.
        timings: method -> latency beside the float model in one benchmark run, of those that are known.
    """

    name: str
    published: str
    folder: Path | None
    data: tuple[str, ...]
    parameters: int | None
    models: dict[str, Model]
    timings: dict[str, Timing] = field(default_factory=dict)

    @property
    def timing(self) -> Timing | None:
        """Latency of the first quantized model that has one."""
        return next((self.timings[method] for method in _quantized() if method in self.timings), None)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of one inference."""
        return next((model.macs for model in self.models.values()), None)

    @property
    def reference(self) -> RecordedAccuracy | None:
        """Accuracy of the float model: as measured together with a quantized one, or else its own."""
        model = self.models.get(REFERENCE)
        return next(iter(self._references(METHODS.names())), model.test if model else None)

    def _references(self, methods: Sequence[str]) -> list[RecordedAccuracy]:
        models = [self.models[method] for method in methods if method in self.models]
        return [model.reference for model in models if model.reference]

    def change(self, method: str) -> RecordedChange | None:
        """Return the change by a method; None if it was compared with another model than this system's float one."""
        model = self.models.get(method)
        change = model.change if model else None
        return change if change and change.reference in (self.name, f"{self.name}-{REFERENCE}") else None

    def accuracy(self, method: str) -> RecordedAccuracy | None:
        """Test accuracy of the model of a method."""
        if method == REFERENCE:
            return self.reference
        model = self.models.get(method)
        return model.test if model else None

    def figures(self, methods: Sequence[str] | None = None) -> list[RecordedAccuracy]:
        """Return the accuracies of these methods."""
        return [figure for method in methods or columns() if (figure := self.accuracy(method))]

    def doubts(self, methods: Sequence[str] | None = None) -> list[str]:
        """Return why figures of these methods must not be compared with each other; empty when they may."""
        found, methods = [], methods or columns()
        figures = self.figures(methods)
        # Of figures that were read from a table no hash is known.
        hashes = {f.content_hash for f in figures if f.content_hash}
        if len({(f.data, f.split, f.n) for f in figures}) > 1 or len(hashes) > 1:
            measured = ", ".join(f"{m} on {f.where}" for m in methods if (f := self.accuracy(m)))
            found.append(f"{self.name}: its accuracies are of different images ({measured})")
        references = {f"{figure.accuracy:.2%}" for figure in self._references(methods)}
        if len(references) > 1:
            found.append(
                f"{self.name}: its models were compared with float models of {' and '.join(sorted(references))}"
            )
        return found

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(what is missing, the command that makes it), in the order in which to run them."""
        run = str(self.folder) if self.folder else f"runs/{self.name}"
        if self.folder and self.folder.is_dir() and not (self.folder / "card.json").is_file():
            return [("everything", _line("train", "--resume", run))]
        found = []
        if self.parameters is None:
            found.append(("parameters", _line("inspect", self.name)))
        for method in columns():
            path = str(self.models[method].path) if method in self.models else f"{run}/{self.name}-{method}.tflite"
            if method not in self.models:
                found.append((method, _line("quantize", run, "--method", method)))
            measured = self.accuracy(method) and (method == REFERENCE or self.change(method))
            # The reference is measured along with each quantized model.
            if not measured and (method != REFERENCE or not set(_quantized()) & set(self.models)):
                what = f"{method} accuracy" + ("" if method == REFERENCE else " and drift")
                found.append((what, _line("validate", run, path, *self.data, "--split", "test", "--record")))
        if self.timing is None:
            files = [f"{run}/{self.name}-{method}.tflite" for method in columns()[:2]]
            found.append(("latency (--records report/records.jsonl)", _line("benchmark", *files, "--out", "report")))
        return found


def _line(*words: str) -> str:
    return shlex.join(("edgeemo", *words))


def _quantized() -> tuple[str, ...]:
    return tuple(method for method in columns() if method != REFERENCE)
