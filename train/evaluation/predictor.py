"""One way to ask a model for probabilities, whether it is a Keras run or a .tflite in any runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...edge.common.errors import ModelError
from ...edge.inference.classifier import Classifier
from ...edge.inference.probabilities import as_probabilities
from ...edge.model.card import ModelCard
from ...edge.model.zoo import find_model
from ...edge.vision.preprocess import normalize
from ..datasets.dataset import Dataset

#: Images at once, of 48x48; of larger ones fewer, because a network's activations grow with its input: kdef-binary
#: took 12 GB for 256 images of 256x256.
_BATCH, _SIDE = 256, 48


class Predictor(Protocol):
    """Anything with a card that maps fitted pixels to probabilities."""

    @property
    def card(self) -> ModelCard:
        """Labels and preprocessing."""

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Classify images: uint8 (n, height, width, channels) -> float32 (n, labels)."""


@dataclass(frozen=True)
class KerasPredictor:
    """A Keras model with its card."""

    card: ModelCard
    model: Any

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Classify images: uint8 (n, height, width, channels) -> float32 (n, labels)."""
        height, width, _ = self.card.input.shape
        size = max(1, min(_BATCH, _BATCH * _SIDE**2 // (height * width)))
        rows = [
            self.model.predict_on_batch(normalize(batch[start : start + size], self.card.input))
            for start in range(0, len(batch), size)
        ]
        return as_probabilities(np.concatenate(rows), self.card)


def open_predictor(path: str | Path, *, runtime: str = "auto", threads: int = 1) -> Predictor:
    """Open a run folder or a .tflite.

    Args:
        path: a finished run, or a .tflite with its card.
        runtime, threads: for a .tflite.

    Raises:
        ModelError: neither, or it cannot be loaded.
    """
    path = Path(path)
    if path.is_dir():
        # A device that measures a .tflite has neither TensorFlow nor what recipes need.
        from ..fit.run import Run
        from ..network.model import load_model

        run = Run.open(path)
        card, model_path = run.card, run.model_path
        return KerasPredictor(card, load_model(model_path, compile=False))
    if path.exists() and path.suffix in (".keras", ".h5", ".hdf5"):
        raise ModelError(
            f"{path} is a bare Keras model without a card",
            expected="a run folder or a .tflite",
            hint="give its run folder",
        )
    return Classifier.open(find_model(str(path)), runtime=runtime, threads=threads)


def predict_dataset(predictor: Predictor, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return targets int64 (n,) in the model's order of labels, and probabilities float32 (n, labels).

    Raises:
        EdgeemoError: the data set has a class that the model does not know.
    """
    dataset = dataset.relabeled(predictor.card.labels)
    return dataset.targets, predictor.predict(dataset.pixels(predictor.card.input))
