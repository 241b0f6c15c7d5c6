"""Mixed precision: keep the worst operators out of int8, one by one, until the gate passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.common.tables import aligned
from ...edge.inference.classifier import Classifier
from ...train.datasets.dataset import Dataset
from ...train.datasets.splits import stratified
from ..converters.activation_ranges import observe_activations
from ..converters.ai_edge import SelectiveQuantizer
from ..converters.gptq import GptqRounding
from ..float_model import FloatModel
from ..graph.verify import verify_kept
from ..options import CALIBRATION_METHODS, MixedPrecisionOptions
from ..validation import AccuracyChange, compare_accuracy, score_interval
from .ranking import Context, Sensitivity, layer_name, rank_operators
from .scoring import EvalSet, Score, latency_ratio

#: Images of the validation split that are enough to rank operators; the gate takes all of them.
RANKING_IMAGES = 1000


@dataclass(frozen=True)
class Step:
    """A trial.

    Args:
        what: description for people.
        kl: divergence from the float model, nats.
        loss: lost accuracy, points.
        worst_loss: upper 95 % bound of the loss.
        bytes: size of the model.
        taken: whether it was kept.
    """

    what: str
    kl: float
    loss: float
    worst_loss: float
    bytes: int
    taken: bool


@dataclass(frozen=True)
class MixedPrecision:
    """Result of :func:`find_mixed_precision`.

    Args:
        model: the flatbuffer.
        ranges: the estimator of ranges that was taken.
        rounding: of the weights, that was taken.
        kept: operators kept out of int8, by the tensor that they write -> type.
        steps: all that was tried, in order; the first is int8 throughout.
        sensitivity: the ranking that led it; None when no operator had to be kept.
        accuracy_change: from the float model to the result on the validation split.
        passed: whether the gate passes.
        plain_bytes: size of the model that is int8 throughout.
        slower: latency of the result against int8 throughout, median of paired ratios.
        faster: latency of the float model against the result, likewise.
    """

    model: bytes
    ranges: str
    rounding: str
    kept: dict[str, str]
    steps: tuple[Step, ...]
    sensitivity: Sensitivity | None
    accuracy_change: AccuracyChange
    passed: bool
    plain_bytes: int
    slower: float
    faster: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "passed": self.passed,
            "ranges": self.ranges,
            "rounding": self.rounding,
            "kept": self.kept,
            "steps": [asdict(step) for step in self.steps],
            "drift": self.accuracy_change.to_dict(),
            "bytes": len(self.model),
            "int8_bytes": self.plain_bytes,
            "latency_to_int8": self.slower,
            "float_latency_to_this": self.faster,
            "sensitivity": self.sensitivity.to_dict() if self.sensitivity else None,
        }

    def table(self) -> str:
        """Return a table of every step, and the cost of the result."""
        rows = [["tried", "KL", "loss, points", "upper bound", "bytes", ""]]
        for step in self.steps:
            verdict = "taken" if step.taken else "left"
            rows.append(
                [step.what, f"{step.kl:.5f}", f"{step.loss:+.2f}", f"{step.worst_loss:.2f}", f"{step.bytes:,}", verdict]
            )
        more = len(self.model) - self.plain_bytes
        kept = ", ".join(f"{layer_name(name)} in {kind}" for name, kind in self.kept.items()) or "none"
        return (
            f"{aligned(rows, left=(0, 5))}\n\n"
            f"kept out of int8: {kept}; ranges by {self.ranges}; weights rounded: {self.rounding}\n"
            f"that costs {more:+,} bytes ({more / self.plain_bytes:+.1%}) and {self.slower:.2f} times the latency of "
            f"int8 throughout; float takes {self.faster:.2f} times as long as the result (one thread, paired)"
        )


def find_mixed_precision(
    float_model: FloatModel,
    calibration: np.ndarray,
    validation: Dataset,
    options: MixedPrecisionOptions,
    *,
    progress: Callable[[str], None] | None = None,
) -> MixedPrecision:
    """Quantize to int8 so that the gate passes, with as few operators outside int8 as the ranking finds.

    Calibration methods come first and GPTQ rounding next, because they cost nothing on the device. Then operators are
    kept out of int8 in the order of the damage that each does alone, until the gate passes: an activation leaves int8
    only when the operator that writes it and those that read it do, so a single one may gain nothing by itself. Last,
    each is put back into int8 if the gate passes without it. All choices are made on the validation split.

    Args:
        float_model: the float model.
        calibration: uint8 (n, height, width, channels).
        validation: validation split.
        options: gate, and how the model is quantized.
        progress: called with a description of the next step.

    Raises:
        EdgeemoError: too few images: not even the float model would pass the gate.
    """
    _require_enough(len(validation), options.max_drop)
    search = _Search(float_model, validation, options, progress or (lambda words: None))
    plain = search.int8(calibration)
    kept: list[str] = []
    best, ranking = plain, None
    if not search.passes(plain):
        ranking = search.rank(plain)
        best, kept = search.keep(plain, ranking)
        if search.passes(best):
            best, kept = search.put_back(plain, best, kept)
    if options.kept_in == "float32":
        verify_kept(best.model, kept)
    reference, first, second = (
        Classifier.from_bytes(model, float_model.card) for model in (search.model, plain.model, best.model)
    )
    return MixedPrecision(
        model=best.model,
        ranges=plain.estimator,
        rounding=plain.rounding,
        kept=dict.fromkeys(kept, options.kept_in),
        steps=tuple(search.steps),
        sensitivity=ranking,
        accuracy_change=best.accuracy_change,
        passed=search.passes(best),
        plain_bytes=len(plain.model),
        slower=latency_ratio(first, second),
        faster=latency_ratio(second, reference),
    )


class _Search:
    """Search for the operators to keep out of int8.

    Args:
        float_model: float model.
        validation: validation split.
        options: gate, and how the model is quantized.
        report: called with a description of the next step.
    """

    def __init__(
        self,
        float_model: FloatModel,
        validation: Dataset,
        options: MixedPrecisionOptions,
        report: Callable[[str], None],
    ) -> None:
        self.validation, self.options, self.report = validation, options, report
        self.model, self.card = float_model.float_flatbuffer(), float_model.card
        self.eval_set = EvalSet.of(validation, self.model, self.card)
        self.steps: list[Step] = []

    def passes(self, trial: _Trial) -> bool:
        """Return whether the gate passes."""
        return trial.accuracy_change.passes(self.options.max_drop)

    def int8(self, calibration: np.ndarray) -> _Trial:
        """Return the best model that is int8 throughout, by calibration method and rounding."""
        self.report("collecting activation ranges")
        seen = observe_activations(self.model, self.card.input, calibration)
        gptq = GptqRounding(self.model, self.card.input, calibration)

        def attempt(method: str, rounding: str) -> _Trial:
            self.report(f"ranges by {method}, weights rounded: {rounding}")
            ranges = {name: found.clip(method) for name, found in seen.items()}
            quantizer = SelectiveQuantizer(self.model, ranges, gptq if rounding == "gptq" else None)
            rounded = "" if rounding == "nearest" else f", weights {rounding}"
            trial = self._trial(f"int8 throughout, ranges by {method}{rounded}", quantizer)
            return replace(trial, estimator=method, rounding=rounding)

        def order(trial: _Trial) -> tuple[bool, float]:
            return not self.passes(trial), trial.score.kl

        trials: list[_Trial] = []
        for method in CALIBRATION_METHODS:
            trials.append(attempt(method, self.options.rounding))
            if self.passes(trials[-1]):
                break
        else:
            if self.options.rounding == "nearest":
                trials.append(attempt(min(trials, key=order).estimator, "gptq"))
        best = min(trials, key=order)
        self.steps += [trial.step(taken=trial is best) for trial in trials]
        return best

    def rank(self, plain: _Trial) -> Sensitivity:
        """Rank the operators by the damage that quantizing each does."""
        few = EvalSet.of(stratified(self.validation, RANKING_IMAGES), self.model, self.card)
        return rank_operators(
            Context(few, plain.quantizer, self.card),
            progress=lambda done, of: self.report(f"sensitivity: operator {done + 1} of {of}"),
        )

    def keep(self, plain: _Trial, ranking: Sensitivity) -> tuple[_Trial, list[str]]:
        """Keep operators out of int8, the worst first, until the gate passes."""
        best, kept = plain, []
        for score in ranking.scores:
            what = f"keep {score.layer} in {self.options.kept_in}"
            self.report(what)
            kept.append(score.tensor)
            best = self._trial(what, plain.quantizer, kept)
            self.steps.append(best.step(taken=True))
            if self.passes(best):
                break
        return best, kept

    def put_back(self, plain: _Trial, best: _Trial, kept: list[str]) -> tuple[_Trial, list[str]]:
        """Put each operator back into int8 if the gate passes without it."""
        # The last one made the gate pass: without it, it fails.
        for tensor in kept[:-1]:
            rest, what = [name for name in kept if name != tensor], f"{layer_name(tensor)} in int8 again"
            self.report(f"trying {what}")
            trial = self._trial(what, plain.quantizer, rest)
            self.steps.append(trial.step(taken=self.passes(trial)))
            if self.passes(trial):
                best, kept = trial, rest
        return best, kept

    def _trial(self, what: str, quantizer: SelectiveQuantizer, kept: Sequence[str] = ()) -> _Trial:
        options = self.options
        model = quantizer.quantize(
            kept=kept, kept_in=options.kept_in, float_io=options.float_io, per_channel=options.per_channel
        )
        score = self.eval_set.evaluate(model, self.card)
        change = compare_accuracy(self.eval_set.targets, self.eval_set.reference, score.probabilities, self.card.labels)
        return _Trial(what, model, score, change, quantizer)


@dataclass(frozen=True)
class _Trial:
    """A model that was converted and measured."""

    what: str
    model: bytes
    score: Score
    accuracy_change: AccuracyChange
    quantizer: SelectiveQuantizer
    estimator: str = ""
    rounding: str = ""

    def step(self, *, taken: bool) -> Step:
        return Step(
            self.what,
            self.score.kl,
            -self.accuracy_change.difference,
            self.accuracy_change.worst_loss,
            len(self.model),
            taken,
        )


def _require_enough(n: int, max_drop: float) -> None:
    least = -score_interval(0, 0, n)[0]
    if least > max_drop:
        raise ModelError(
            f"a gate of {max_drop:g} points cannot be passed on {n:,} faces, not even by the float model itself",
            expected=f"--max-drop {math.ceil(100 * least) / 100:.2f} or more, or more faces",
        )
