"""Figures of a comparison for the card of the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...edge.common.proportion import Accuracy
from ...edge.model.card import ModelCard
from ...train.datasets.dataset import Dataset
from ...train.evaluation.card_figures import accuracy_figure, place
from .gate import GateResult
from .report import AccuracyChange
from .robustness import Robustness

#: The name of the figures under corruption.
CORRUPTED = "corruptions"


@dataclass(frozen=True)
class CardFigures:
    """A comparison: models, data, and the command that repeats it.

    Args:
        reference, candidate: cards of both models.
        dataset: the images.
        split: by which name they were asked for.
        runtime: that ran the candidate, with its version.
        command: line that measures the same again.
    """

    reference: ModelCard
    candidate: ModelCard
    dataset: Dataset
    split: str
    runtime: str
    command: str

    def figures(
        self, report: AccuracyChange, verdict: GateResult, hardened: Robustness | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return the figures for the candidate's card by name.

        ``test`` is the candidate's accuracy, ``float32 test`` (or another method of quantization) the reference's,
        ``drift`` the paired difference in percentage points; a loss is negative. ``corruptions`` has, for each kind,
        the accuracy of (reference, candidate) as a mean over the severities. Recalls are kept of the candidate alone.
        """

        def accuracy(who: int, value: Accuracy, runtime: str = "") -> dict[str, Any]:
            recalls = {name: item.candidate for name, item in report.classes.items()} if who else {}
            more = {"macro_f1": report.macro_f1[who], "calibration_error": report.calibration_error[who]}
            return accuracy_figure(
                self.dataset, self.split, value, recalls, **more, command=self.command, runtime=runtime
            )

        found = {
            f"{self.reference.quantization.method} test": accuracy(0, report.reference),
            "test": accuracy(1, report.candidate, self.runtime),
            "drift": {
                **place(self.dataset, self.split),
                "reference": self.reference.name,
                "n": report.n,
                "difference": report.difference,
                "ci95": list(report.bootstrap),
                "score_ci95": list(report.score),
                "worst_loss": report.worst_loss,
                "mcnemar_p": report.mcnemar_p,
                "agreement": report.agreement,
                "mean_kl": report.mean_kl,
                **verdict.to_dict(),
                "command": self.command,
            },
        }
        return {**found, CORRUPTED: self._corrupted(hardened)} if hardened else found

    def _corrupted(self, found: Robustness) -> dict[str, Any]:
        return {
            **place(self.dataset, self.split),
            "reference": self.reference.name,
            "n": found.clean.change.n,
            "accuracy_by_kind": {kind: [round(value, 4) for value in found.means(kind)] for kind in found.kinds},
            "difference": found.difference,
            "ci95": list(found.interval),
            "command": f"{self.command} --corruptions corruptions",
        }
