"""Figures that a model's card holds: an accuracy on a test split, and a paired difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RecordedAccuracy:
    """An accuracy on a test split, as a card holds it.

    Args:
        accuracy: top-1.
        low, high: 95 % interval.
        n: images.
        data, split: of the data set.
        content_hash: of exactly the images that were used; empty where the card does not say.
    """

    accuracy: float
    low: float
    high: float
    n: int
    data: str
    split: str
    content_hash: str = ""

    @property
    def where(self) -> str:
        """Data, split and n."""
        return f"{self.data} {self.split}, n = {self.n:,}"

    @classmethod
    def of(cls, value: Any) -> RecordedAccuracy | None:
        """Read an accuracy from a card's metrics; None where there is none."""
        try:
            low, high = value["ci95"]
            return cls(
                float(value["accuracy"]),
                float(low),
                float(high),
                int(value["n"]),
                str(value["data"]),
                str(value["split"]),
                str(value.get("content_hash", "")),
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


@dataclass(frozen=True)
class RecordedChange:
    """The paired difference of a quantized model from another one, in percentage points; a loss is negative.

    Args:
        reference: name of the model that it was compared with.
        points: the difference.
        low, high: 95 % interval.
        worst_loss: upper 95 % bound of the loss.
        agreement: fraction of the images with the same label from both.
        content_hash: of the images.
    """

    reference: str
    points: float
    low: float
    high: float
    worst_loss: float
    agreement: float
    content_hash: str = ""

    @classmethod
    def of(cls, value: Any) -> RecordedChange | None:
        """Read a change from a card's metrics; None where there is none."""
        try:
            low, high = value["ci95"]
            return cls(
                str(value["reference"]),
                float(value["difference"]),
                float(low),
                float(high),
                float(value["worst_loss"]),
                float(value["agreement"]),
                str(value.get("content_hash", "")),
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            return None
