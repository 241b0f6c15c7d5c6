"""ROC and precision-recall: ranking by probability, whatever the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.common.errors import DataError


@dataclass(frozen=True)
class Curve:
    """One class against all others, at every threshold.

    Args:
        x, y: float (thresholds,), 0 to 1. ROC: false and true positive rate; else recall and precision.
        area: area under the ROC curve, or average precision.
        share: of the images that are of the class.
    """

    x: np.ndarray
    y: np.ndarray
    area: float
    share: float


@dataclass(frozen=True)
class Ranking:
    """ROC of each class against the rest, or of the positive class alone for two classes.

    Args:
        labels: class names.
        roc: class -> curve, for the classes that have one.
        undefined: class -> why it has no curve.
        precision_recall: of the positive class of two, when it has one.
    """

    labels: tuple[str, ...]
    roc: Mapping[str, Curve]
    undefined: Mapping[str, str]
    precision_recall: Curve | None

    @property
    def positive(self) -> str | None:
        """The second of two classes; None for more."""
        return self.labels[1] if len(self.labels) == 2 else None

    @property
    def macro_auc(self) -> float | None:
        """Unweighted mean over the classes that have a curve; None without any."""
        return float(np.mean([curve.area for curve in self.roc.values()])) if self.roc else None

    @property
    def left_out(self) -> str:
        """A clause that names the classes without a curve, or nothing."""
        if not self.undefined:
            return ""
        reasons = dict.fromkeys(self.undefined.values())
        named = {why: ", ".join(name for name, reason in self.undefined.items() if reason == why) for why in reasons}
        return "undefined for " + " and ".join(f"{names} ({why})" for why, names in named.items())

    @property
    def summary(self) -> str:
        """The area under the ROC curve and over how many classes it is, in a few words."""
        if self.macro_auc is None:
            return "undefined"
        if self.positive:
            return f"{self.macro_auc:.3f} ({self.positive} is positive)"
        return f"{self.macro_auc:.3f} (one-vs-rest, macro over {len(self.roc)} of {len(self.labels)} classes)"

    def __str__(self) -> str:
        if not self.roc:
            return f"ROC-AUC {self.left_out}"
        if self.positive:
            average = self.precision_recall.area if self.precision_recall else float("nan")
            return f"ROC-AUC {self.macro_auc:.3f}, average precision {average:.3f} ({self.positive} is positive)"
        over = f"all {len(self.labels)} classes" if not self.undefined else f"{', '.join(self.roc)}; {self.left_out}"
        return f"ROC-AUC {self.macro_auc:.3f}, one-vs-rest, macro over {over}"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict for JSON: ``null`` where one is not defined, and why."""
        undefined = dict(self.undefined)
        if self.positive:
            curve = self.precision_recall
            share = curve.share if curve else None
            return {
                "roc_auc": {"positive": self.positive, "value": self.macro_auc, "undefined": undefined},
                "average_precision": {
                    "positive": self.positive,
                    "value": curve.area if curve else None,
                    "chance": share,
                    "undefined": undefined,
                },
            }
        areas = {name: self.roc[name].area if name in self.roc else None for name in self.labels}
        over = list(self.roc)
        return {
            "roc_auc": {"per_class": areas, "macro": self.macro_auc, "macro_over": over, "undefined": undefined},
        }


def rank(targets: np.ndarray, probabilities: np.ndarray, labels: tuple[str, ...]) -> Ranking:
    """Compute curves and areas by scikit-learn.

    Args:
        targets: int (n,).
        probabilities: float (n, classes). Rows need not sum to 1, as those of int8 models do not.
        labels: class names; of two, the second is the positive one.

    Raises:
        DataError: a probability is not a number.
    """
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

    if broken := int((~np.isfinite(probabilities)).any(axis=1).sum()):
        raise DataError(
            "the model's probabilities are not numbers",
            expected="finite values",
            got=f"NaN or infinity for {broken:,} of {len(targets):,} images",
            hint="train or convert the model again",
        )
    curves, undefined, precision_recall = {}, {}, None
    ranked = (1,) if len(labels) == 2 else range(len(labels))
    for index in ranked:
        positive, scores = targets == index, probabilities[:, index]
        if not positive.any() or positive.all():
            undefined[labels[index]] = "no images" if not positive.any() else "no images of another class"
            continue
        share = float(positive.mean())
        false_rate, true_rate, _ = roc_curve(positive, scores)
        curves[labels[index]] = Curve(false_rate, true_rate, float(auc(false_rate, true_rate)), share)
        if len(labels) == 2:
            precision, recall, _ = precision_recall_curve(positive, scores)
            average = float(average_precision_score(positive, scores))
            precision_recall = Curve(recall, precision, average, share)
    return Ranking(labels, curves, undefined, precision_recall)
