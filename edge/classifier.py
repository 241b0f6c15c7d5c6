"""A model with its card: face crops in, probabilities out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .card import ModelCard, read_card
from .delegate import uncompiled
from .errors import EdgeemoError
from .preprocess import normalise, to_input
from .runtime import Inference, load


@dataclass(frozen=True)
class Classifier:
    """A loaded model and what its card says of it.

    Args:
        card: labels and preprocessing.
        session: the loaded model.
    """

    card: ModelCard
    session: Inference

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        card: ModelCard | None = None,
        runtime: str = "auto",
        threads: int = 1,
        session: Inference | None = None,
    ) -> Classifier:
        """Load a .tflite with its card.

        Args:
            path: of the model.
            card: replaces the embedded card; needed when there is none.
            runtime, threads: see :func:`edgeemo.edge.runtime.load`.
            session: the model, loaded already, in place of those two.

        Raises:
            EdgeemoError: the model cannot be loaded, has no card, or contradicts its card.
        """
        session = session or load(path, runtime=runtime, threads=threads)
        # The Edge TPU's compiler does not copy the card.
        beside = uncompiled(Path(path))
        card = card or read_card(path) or (read_card(beside) if beside.is_file() else None)
        if card is None:
            raise EdgeemoError(
                f"{path} has no model card",
                expected="labels and preprocessing inside the model",
                mend="describe the model in a card file and give it with --card",
            )
        check_card(card, session)
        return cls(card, session)

    def probabilities(self, face: np.ndarray) -> np.ndarray:
        """Classify one face crop.

        Args:
            face: uint8 (h, w), (h, w, 1) gray or (h, w, 3) RGB, any size.

        Returns:
            float32 (labels,), sums to 1 up to quantisation.
        """
        return self.decode(self.session.invoke(self.encode(face)))

    def from_fitted(self, pixels: np.ndarray) -> np.ndarray:
        """Classify pixels that have the model's size and colours already: uint8 (height, width, channels)."""
        tensor = self.session.input.encode(normalise(pixels, self.card.input))[None]
        return self.decode(self.session.invoke(tensor))

    def encode(self, face: np.ndarray) -> np.ndarray:
        """Face crop, as for :meth:`probabilities`, to the model's input tensor (1, height, width, channels)."""
        return self.session.input.encode(to_input(face, self.card.input))[None]

    def decode(self, output: np.ndarray) -> np.ndarray:
        """The model's output tensor (1, ...) to probabilities, float32 (labels,).

        Raises:
            EdgeemoError: the model gave values that are not numbers.
        """
        values = self.session.output.decode(output)[0].ravel()
        if not np.isfinite(values).all():
            raise EdgeemoError(
                f"{self.session.path} gives values that are not numbers", mend="train or convert the model again"
            )
        return as_probabilities(values, self.card)

    def predict(self, batch: Iterable[np.ndarray]) -> np.ndarray:
        """Classify fitted pixels, uint8 (n, height, width, channels): float32 (n, labels)."""
        rows = [self.from_fitted(pixels) for pixels in batch]
        return np.stack(rows) if rows else np.empty((0, len(self.card.labels)), np.float32)


def as_probabilities(outputs: np.ndarray, card: ModelCard) -> np.ndarray:
    """Real outputs of a model, float (..., outputs), to probabilities (..., labels); binary p becomes (1-p, p)."""
    if card.task == "binary":
        return np.concatenate([1 - outputs, outputs], axis=-1)
    return outputs


def check_card(card: ModelCard, session: Inference) -> None:
    """Hold a card against its model.

    Raises:
        EdgeemoError: the input shape or the number of outputs differ.
    """
    wanted = (1, *card.input.shape)
    if session.input.shape != wanted:
        raise EdgeemoError(
            f"the card of {session.path} contradicts the model's input",
            expected=f"{wanted} by the card",
            got=f"{session.input.shape} in the model",
            mend="use the card that belongs to this model",
        )
    outputs = int(np.prod(session.output.shape))
    if outputs != card.outputs:
        raise EdgeemoError(
            f"the card of {session.path} contradicts the model's output",
            expected=f"{card.outputs} outputs for labels {', '.join(card.labels)}",
            got=f"{outputs} in the model",
            mend="use the card that belongs to this model",
        )
