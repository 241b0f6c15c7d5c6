"""Temperature scaling: one number that matches a model's confidence to its accuracy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..edge.common.errors import ModelError
from ..edge.inference.probabilities import apply_temperature
from ..edge.model.card import ModelCard
from ..train.datasets.dataset import Dataset
from ..train.evaluation.calibration_error import reliability
from ..train.evaluation.card_figures import place

if TYPE_CHECKING:
    # What runs need is not installed where a .tflite is measured.
    from ..train.fit.run import Run

#: Bounds of the search. A model that needs more is broken in another way.
LOWEST, HIGHEST = 0.05, 20.0
_RESAMPLES = 100


@dataclass(frozen=True)
class Confidence:
    """Confidence of a model compared with its accuracy.

    Args:
        nll: mean negative log-likelihood of the true labels, nats.
        calibration_error: expected calibration error, 15 bins.
        overconfidence: mean confidence minus accuracy.
    """

    nll: float
    calibration_error: float
    overconfidence: float

    @classmethod
    def of(cls, targets: np.ndarray, probabilities: np.ndarray) -> Confidence:
        """Measure it: targets int (n,), probabilities float (n, labels) above 0."""
        found = reliability(targets, probabilities)
        return cls(_nll(targets, probabilities), found.error, found.overconfidence)


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Args:
        value: the temperature.
        n: images on which it was fitted.
        before, after: confidence on these images. One number cannot learn thousands of images by heart: what is
            found here is nearly what others will show.
        chance: calibration error of a perfectly calibrated model on so many images; see :func:`chance_error`.
    """

    value: float
    n: int
    before: Confidence
    after: Confidence
    chance: float

    @property
    def helps(self) -> bool:
        """Whether the calibration error decreased."""
        return self.after.calibration_error < self.before.calibration_error

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)

    def card(self, card: ModelCard, dataset: Dataset) -> ModelCard:
        """Return the card with the temperature.

        Args:
            card: of the model.
            dataset: on which the temperature was fitted.
        """
        # Accuracies stay true; what was recorded of confidences does not.
        metrics = {
            name: {key: value for key, value in figure.items() if key not in ("calibration_error", "mean_kl")}
            if name in ("test", "drift")
            else figure
            for name, figure in card.metrics.items()
        }
        changed = replace(card, temperature=self.value, metrics=metrics)
        return changed.with_metric("temperature validation", {**place(dataset, "validation"), **self.to_dict()})


def fit_temperature(targets: np.ndarray, probabilities: np.ndarray, *, floor: float) -> Temperature:
    """Fit the temperature under which the true labels are likeliest (Guo et al. 2017, section 4).

    Args:
        targets: int (n,), of images that the model was neither trained nor is tested on.
        probabilities: float (n, labels), as the model gives them.
        floor: see :func:`apply_temperature`.

    Raises:
        ModelError: no images, or no temperature in range is best.
    """
    from scipy import optimize

    if not len(targets):
        raise ModelError("a temperature cannot be fitted", expected="images", got="none")
    # The loss is convex in 1/temperature, so that it has one minimum in the logarithm too.
    bounds = math.log(LOWEST), math.log(HIGHEST)
    found = optimize.minimize_scalar(
        lambda log: _nll(targets, apply_temperature(probabilities, math.exp(log), floor=floor)),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-5},
    )
    if min(abs(found.x - bound) for bound in bounds) < 1e-3:
        raise ModelError(
            "no temperature makes this model as sure as it is right",
            expected=f"one between {LOWEST:g} and {HIGHEST:g}",
            got=f"{math.exp(found.x):.3g}",
            hint="give more images, some of which the model has wrong",
        )
    value = round(math.exp(found.x), 4)
    after = apply_temperature(probabilities, value, floor=floor)
    return Temperature(
        value=value,
        n=len(targets),
        before=Confidence.of(targets, apply_temperature(probabilities, 1.0, floor=floor)),
        after=Confidence.of(targets, after),
        chance=chance_error(after),
    )


def validation_split(run: Run, card: ModelCard, source: str | None = None) -> Dataset:
    """Return the validation split of a run, if a model was validated on it.

    Args:
        run: the run that the model comes from.
        card: of the model.
        source: where the run's data lies now, if it has moved.

    Raises:
        ModelError: the model was validated on other images.
    """
    settings = run.settings if source is None else replace(run.settings, data=source)
    dataset = settings.training_data(run.recipe).validation
    expected = card.provenance.split_hashes.get("validation", "")
    if dataset.content_hash != expected:
        raise ModelError(
            f"{settings.data} by {run.folder} is not what the model was validated on",
            expected=f"content hash {expected[:16] or 'on its card'}",
            got=dataset.content_hash[:16],
            hint="give the run that the model comes from, and its original data with --data",
        )
    return dataset


def chance_error(probabilities: np.ndarray, *, seed: int = 0) -> float:
    """Return the mean calibration error of a model whose answers are right exactly as often as its confidence.

    The error is never negative, so that few images make it look larger than it is; this is by how much (consistency
    resampling, Broecker & Smith 2007, Weather and Forecasting 22:651-661).

    Args:
        probabilities: float (n, labels).
        seed: of the draws.
    """
    rng, answers = np.random.default_rng(seed), probabilities.argmax(axis=1)
    others = (answers + 1) % probabilities.shape[1]
    confidence = probabilities.max(axis=1)
    errors = [
        reliability(np.where(rng.random(len(answers)) < confidence, answers, others), probabilities).error
        for _ in range(_RESAMPLES)
    ]
    return float(np.mean(errors))


def _nll(targets: np.ndarray, probabilities: np.ndarray) -> float:
    true = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    # Float32 may have rounded down to 0 what a low temperature makes very small.
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())
