"""Measured test figures, written into the card of the model that they are about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...edge.common.errors import ModelError
from ...edge.common.files import existing, new_file, write_bytes
from ...edge.common.proportion import Accuracy
from ...edge.inference.classifier import Classifier
from ...edge.inference.interpreter import runtime_version
from ...edge.model.card import ModelCard, card_of, with_card
from ..datasets.dataset import Dataset
from .predictor import Predictor


class CardRecord:
    """A model file whose card gets figures.

    Args:
        path: .tflite file; a link stands for the file that it leads to.
        names: names of the figures; those that the card has already are only replaced with ``force``.
        force: replace figures that the card has already.

    Raises:
        EdgeemoError: not a file with a card, not to be written, or recorded already.
    """

    def __init__(self, path: str | Path, names: Collection[str], *, force: bool = False) -> None:
        self.path = existing(path, "a .tflite").resolve()
        if not self.path.is_file():
            raise ModelError(f"figures cannot be recorded in {path}", expected="a .tflite with its card")
        new_file(self.path, force=True)
        self._bytes = self.path.read_bytes()
        card = card_of(self._bytes, str(path))
        if card is None:
            raise ModelError(f"{path} has no model card to record figures in", expected="a .tflite with its card")
        if not force and (found := [name for name in names if name in card.metrics]):
            raise ModelError(
                f"the card of {path} has recorded figures already ({', '.join(found)})",
                hint="measure without --record, or replace them with --force",
            )
        self._card = card

    def write(self, figures: Mapping[str, dict[str, Any]]) -> ModelCard:
        """Put figures into the card, atomically; the model's own bytes stay as they are.

        Raises:
            ModelError: the file has become another one since it was opened.
        """
        if not self.path.is_file() or self.path.read_bytes() != self._bytes:
            raise ModelError(f"{self.path} has changed while it was measured", hint="measure again")
        card = replace(self._card, metrics={**self._card.metrics, **figures})
        write_bytes(self.path, with_card(self._bytes, card))
        return card


def place(dataset: Dataset, split: str) -> dict[str, Any]:
    """Return on which images a figure was measured.

    Args:
        dataset: the images.
        split: by which name they were asked for.
    """
    return {"data": dataset.name, "split": split, "content_hash": dataset.content_hash}


def accuracy_figure(
    dataset: Dataset,
    split: str,
    accuracy: Accuracy,
    recalls: Mapping[str, Accuracy],
    *,
    macro_f1: float,
    calibration_error: float,
    command: str,
    runtime: str = "",
) -> dict[str, Any]:
    """Return what a card keeps of one model's accuracy on test images.

    Args:
        dataset, split: see :func:`place`.
        accuracy: top-1.
        recalls: class -> recall; classes without images are left out.
        macro_f1, calibration_error: 0 to 1.
        command: line that measures the same again.
        runtime: that ran the model, see :func:`runtime_of`.
    """
    return {
        **place(dataset, split),
        **accuracy.to_dict(),
        **({"recall": {name: _short(recall) for name, recall in recalls.items() if recall.n}} if recalls else {}),
        "macro_f1": macro_f1,
        "calibration_error": calibration_error,
        **({"runtime": runtime} if runtime else {}),
        "command": command,
    }


def _short(recall: Accuracy) -> dict[str, Any]:
    """A recall to four decimals: cards travel with models of a few KB."""
    low, high = recall.interval
    return {
        "correct": recall.correct,
        "n": recall.n,
        "accuracy": round(recall.value, 4),
        "ci95": [round(low, 4), round(high, 4)],
    }


def runtime_of(predictor: Predictor) -> str:
    """Return what runs a model, with its version: ``ai-edge-litert 2.3.0``; ``tf_keras`` for a run."""
    if isinstance(predictor, Classifier):
        name = predictor.session.runtime
        return f"{name} {runtime_version(name)}".strip()
    return "tf_keras"


def check_recordable(dataset: Dataset) -> None:
    """Refuse to call figures test figures that were measured on anything else.

    Raises:
        ModelError: an image here is not in the test split.
    """
    others = sorted({sample.split for sample in dataset.samples} - {"test"})
    if others:
        raise ModelError(
            f"only figures of test images are recorded, and {dataset.name} has others here",
            expected="split test",
            got=", ".join(others),
            hint="measure on --split test, or leave --record out",
        )
