"""Mixed precision: keep the worst operators out of int8, one by one, until the gate passes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.common.tables import aligned
from ...edge.inference.classifier import Classifier
from ...edge.model.card import ModelCard
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
        drift: of the result on the validation role.
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

    The estimators of ranges come first and weights that are rounded together next, because they cost nothing on the
    device. Then operators are kept out of int8 in the order of the damage that each does alone, until the gate passes:
    an activation is spared only when the operator that writes it and those that read it are, so a single one may gain
    nothing by itself. Last, each is put back into int8 if the gate passes without it. All choices are made on the
    validation split.

    Args:
        float_model: the float model.
        calibration: uint8 (n, height, width, channels).
        validation: validation split.
        options: gate, and how the model is quantized.
        progress: called with a description of the next step.

    Raises:
        EdgeemoError: too few images: not even the float model would pass the gate.
    """
    max_drop, kept_in = options.max_drop, options.kept_in
    _require_enough(len(validation), max_drop)
    report = progress or (lambda words: None)
    model, card = float_model.float_flatbuffer(), float_model.card
    eval_set = EvalSet.of(validation, model, card)
    report("seeing what the activations hold")
    seen = observe_activations(model, card.input, calibration)
    together = GptqRounding(model, card.input, calibration)

    def throughout(estimator: str, rounding: str) -> _Trial:
        report(f"ranges by {estimator}, weights rounded: {rounding}")
        ranges = {name: found.clip(estimator) for name, found in seen.items()}
        quantizer = SelectiveQuantizer(model, ranges, together if rounding == "gptq" else None)
        flatbuffer = quantizer.quantize(float_io=options.float_io, per_channel=options.per_channel)
        rounded = "" if rounding == "nearest" else f", weights {rounding}"
        trial = _Trial.of(f"int8 throughout, ranges by {estimator}{rounded}", flatbuffer, eval_set, card)
        trial.estimator, trial.rounding, trial.quantizer = estimator, rounding, quantizer
        return trial

    def order(trial: _Trial) -> tuple[bool, float]:
        return not trial.accuracy_change.passes(max_drop), trial.score.kl

    trials: list[_Trial] = []
    for estimator in CALIBRATION_METHODS:
        trials.append(throughout(estimator, options.rounding))
        if trials[-1].accuracy_change.passes(max_drop):
            break
    else:
        if options.rounding == "nearest":
            trials.append(throughout(min(trials, key=order).estimator, "gptq"))
    plain = min(trials, key=order)
    steps = [trial.step(taken=trial is plain) for trial in trials]
    best, ranking = plain, None
    kept: list[str] = []
    if not plain.accuracy_change.passes(max_drop):
        quantizer = plain.quantizer
        make = functools.partial(
            quantizer.quantize, kept_in=kept_in, float_io=options.float_io, per_channel=options.per_channel
        )
        few = EvalSet.of(stratified(validation, RANKING_IMAGES), model, card)
        context = Context(few, quantizer, card)
        ranking = rank_operators(context, progress=lambda done, of: report(f"sensitivity: operator {done + 1} of {of}"))
        for score in ranking.scores:
            report(f"keeping {score.layer} in {kept_in}")
            kept.append(score.tensor)
            best = _Trial.of(f"keep {score.layer} in {kept_in}", make(kept=kept), eval_set, card)
            steps.append(best.step(taken=True))
            if best.accuracy_change.passes(max_drop):
                break
        # The last one made the gate pass: without it, it fails.
        for tensor in kept[:-1] if best.accuracy_change.passes(max_drop) else []:
            rest = [name for name in kept if name != tensor]
            report(f"trying {layer_name(tensor)} in int8 again")
            trial = _Trial.of(f"{layer_name(tensor)} in int8 again", make(kept=rest), eval_set, card)
            passes = trial.accuracy_change.passes(max_drop)
            steps.append(trial.step(taken=passes))
            if passes:
                best, kept = trial, rest
    if kept_in == "float32":
        verify_kept(best.model, kept)
    first, second = Classifier.from_bytes(plain.model, card), Classifier.from_bytes(best.model, card)
    return MixedPrecision(
        model=best.model,
        ranges=plain.estimator,
        rounding=plain.rounding,
        kept=dict.fromkeys(kept, kept_in),
        steps=tuple(steps),
        sensitivity=ranking,
        accuracy_change=best.accuracy_change,
        passed=best.accuracy_change.passes(max_drop),
        plain_bytes=len(plain.model),
        slower=latency_ratio(first, second),
        faster=latency_ratio(second, Classifier.from_bytes(model, card)),
    )


@dataclass
class _Trial:
    """A model that was converted and measured."""

    what: str
    model: bytes
    score: Score
    accuracy_change: AccuracyChange
    estimator: str = ""
    rounding: str = ""
    quantizer: Any = None

    @classmethod
    def of(cls, what: str, model: bytes, eval_set: EvalSet, card: ModelCard) -> _Trial:
        score = eval_set.evaluate(model, card)
        return cls(
            what, model, score, compare_accuracy(eval_set.targets, eval_set.reference, score.probabilities, card.labels)
        )

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
