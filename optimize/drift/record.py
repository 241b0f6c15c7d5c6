"""Measured test figures, written into the card of the model that they are about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...edge.accuracy import Accuracy
from ...edge.card import ModelCard, card_of, with_card
from ...edge.classifier import Classifier
from ...edge.errors import EdgeemoError
from ...edge.files import existing, new_file, write_bytes
from ...edge.runtime import version
from ...train.datasets.dataset import Dataset
from ...train.predictor import Predictor
from .gate import Verdict
from .report import Drift


@dataclass(frozen=True)
class Measurement:
    """What was compared, on what, and how to do it again.

    Args:
        reference, candidate: cards of both models.
        dataset: the pictures.
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

    def figures(self, report: Drift, verdict: Verdict) -> dict[str, dict[str, Any]]:
        """Name -> figure for the candidate's card.

        ``test`` is the candidate's accuracy, ``float32 test`` (or another method of quantisation) the reference's,
        ``drift`` the paired difference in percentage points; a loss is negative.
        """
        where = {"data": self.dataset.name, "split": self.split, "content_hash": self.dataset.content_hash}

        def accuracy(place: int, value: Accuracy) -> dict[str, Any]:
            more = {"macro_f1": report.macro_f1[place], "calibration_error": report.calibration_error[place]}
            return {**where, **value.to_dict(), **more}

        return {
            f"{self.reference.quantisation.method} test": accuracy(0, report.reference),
            "test": {**accuracy(1, report.candidate), "runtime": self.runtime},
            "drift": {
                **where,
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


class Record:
    """A model file whose card is to get figures.

    Args:
        path: of the .tflite; where it is a link, the file that it leads to.
        force: replace test figures that the card has already.

    Raises:
        EdgeemoError: not a file with a card, not to be written, or recorded already.
    """

    def __init__(self, path: str | Path, *, force: bool = False) -> None:
        self.path = existing(path, "a .tflite").resolve()
        if not self.path.is_file():
            raise EdgeemoError(f"figures cannot be recorded in {path}", expected="a .tflite with its card")
        new_file(self.path, force=True)
        self._bytes = self.path.read_bytes()
        card = card_of(self._bytes, str(path))
        if card is None:
            raise EdgeemoError(f"{path} has no model card to record figures in", expected="a .tflite with its card")
        if not force and (found := [name for name in ("test", "drift") if name in card.metrics]):
            raise EdgeemoError(
                f"the card of {path} has recorded figures already ({', '.join(found)})",
                mend="measure without --record, or replace them with --force",
            )
        self._card = card

    def write(self, figures: dict[str, dict[str, Any]]) -> ModelCard:
        """Put figures into the card, atomically; the model's own bytes stay as they are.

        Raises:
            EdgeemoError: the file has become another one since it was opened.
        """
        if not self.path.is_file() or self.path.read_bytes() != self._bytes:
            raise EdgeemoError(f"{self.path} has changed while it was measured", mend="measure again")
        card = replace(self._card, metrics={**self._card.metrics, **figures})
        write_bytes(self.path, with_card(self._bytes, card))
        return card


def runtime_of(predictor: Predictor) -> str:
    """What runs a model, with its version: ``ai-edge-litert 2.3.0``; ``tf_keras`` for a run."""
    if isinstance(predictor, Classifier):
        name = predictor.session.runtime
        return f"{name} {version(name)}".strip()
    return "tf_keras"


def check_recordable(dataset: Dataset) -> None:
    """Refuse to call figures test figures that were measured on anything else.

    Raises:
        EdgeemoError: a picture here is not in the test role.
    """
    others = sorted({sample.split for sample in dataset.samples} - {"test"})
    if others:
        raise EdgeemoError(
            f"only figures of test pictures are recorded, and {dataset.name} has others here",
            expected="split test",
            got=", ".join(others),
            mend="measure on --split test, or leave --record out",
        )
