"""A model with its card: face crops in, probabilities out."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..common.errors import ModelError
from ..model.card import ModelCard, read_card, with_card
from ..vision.preprocess import Encoder, fit
from .delegate import uncompiled_path
from .interpreter import SessionProtocol, load
from .probabilities import FLOOR, apply_temperature, as_probabilities


@dataclass(frozen=True)
class Classifier:
    """A loaded model with its card.

    Args:
        card: labels and preprocessing.
        session: the loaded model.
    """

    card: ModelCard
    session: SessionProtocol

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        card: ModelCard | None = None,
        runtime: str = "auto",
        threads: int = 1,
        session: SessionProtocol | None = None,
    ) -> Classifier:
        """Load a .tflite with its card.

        Args:
            path: path of the model.
            card: replaces the embedded card; needed when there is none.
            runtime, threads: see :func:`edgeemo.edge.inference.interpreter.load`.
            session: the model, loaded already, in place of those two.

        Raises:
            ModelError: the model cannot be loaded, has no card, or contradicts its card.
        """
        session = session or load(path, runtime=runtime, threads=threads)
        # The Edge TPU's compiler does not copy the card.
        beside = uncompiled_path(Path(path))
        card = card or read_card(path) or (read_card(beside) if beside.is_file() else None)
        if card is None:
            raise ModelError(
                f"{path} has no model card",
                expected="labels and preprocessing inside the model",
                hint="make one with edgeemo models card, or give a card file with --card",
            )
        check_card(card, session)
        return cls(card, session)

    @classmethod
    def from_bytes(cls, model: bytes, card: ModelCard) -> Classifier:
        """Load a model from memory, with one thread.

        Args:
            model: bytes of a .tflite.
            card: card to use; one inside ``model`` is replaced.

        Raises:
            ModelError: the model cannot be loaded, or contradicts the card.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{card.name}.tflite"
            path.write_bytes(with_card(model, card))
            return cls.open(path)

    def probabilities(self, face: np.ndarray) -> np.ndarray:
        """Classify one face crop.

        Args:
            face: uint8 (h, w), (h, w, 1) gray or (h, w, 3) RGB, any size.

        Returns:
            float32 (labels,), sums to 1 up to quantization.
        """
        return self.decode(self.session.invoke(self.encode(face)))

    def from_fitted(self, pixels: np.ndarray) -> np.ndarray:
        """Classify pixels that have the model's size and colors already: uint8 (height, width, channels)."""
        return self.decode(self.session.invoke(self._encoder(pixels)[None]))

    def encode(self, face: np.ndarray) -> np.ndarray:
        """Convert a face crop, as for :meth:`probabilities`, to the input tensor (1, height, width, channels)."""
        return self._encoder(fit(face, self.card.input))[None]

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.card.input, self.session.input.encode)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Convert the output tensor (1, ...) to probabilities, float32 (labels,).

        Raises:
            ModelError: the model gave values that are not numbers.
        """
        values = self.session.output.decode(output)[0].ravel()
        # Integers are always numbers.
        if not self.session.output.scale and not np.isfinite(values).all():
            raise ModelError(
                f"{self.session.path} gives values that are not numbers", hint="train or convert the model again"
            )
        found = as_probabilities(values, self.card)
        return (
            found if self.card.temperature == 1 else apply_temperature(found, self.card.temperature, floor=self.floor)
        )

    @property
    def floor(self) -> float:
        """Smallest probability that is distinguished from 0; see :func:`.probabilities.apply_temperature`."""
        return FLOOR if self.card.logits else self.session.output.scale / 2 or FLOOR

    def predict(self, batch: Iterable[np.ndarray]) -> np.ndarray:
        """Classify fitted pixels, uint8 (n, height, width, channels): float32 (n, labels)."""
        rows = [self.from_fitted(pixels) for pixels in batch]
        return np.stack(rows) if rows else np.empty((0, len(self.card.labels)), np.float32)


def check_card(card: ModelCard, session: SessionProtocol) -> None:
    """Check that a card fits its model.

    Raises:
        ModelError: it is no classifier, the input shape or the number of outputs differ, or the input's type cannot
            hold what the card's normalization gives.
    """
    card.require_classifier(str(session.path))
    wanted, found = (1, *card.input.shape), session.input.shape
    if found != wanted:
        first = found == (1, card.input.depth, card.input.height, card.input.width)
        raise ModelError(
            f"the card of {session.path} contradicts the model's input",
            expected=f"{wanted} by the card",
            got=f"{found} in the model",
            hint="convert the model with its channels last" if first else "use the card that belongs to this model",
        )
    if session.input.dtype.kind in "iu" and not session.input.scale and card.input.normalization != "raw":
        raise ModelError(
            f"the card of {session.path} contradicts the model's input",
            expected=f"normalization 'raw': the input is {session.input.dtype} and has no scale",
            got=repr(card.input.normalization),
        )
    outputs = int(np.prod(session.output.shape))
    if outputs != card.outputs:
        raise ModelError(
            f"the card of {session.path} contradicts the model's output",
            expected=f"{card.outputs} outputs for labels {', '.join(card.labels)}",
            got=f"{outputs} in the model",
            hint="use the card that belongs to this model",
        )
