"""Facts of one .tflite for a table, kept when the file is gone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ...edge.common.errors import FileError
from ...edge.model.card import card_of
from ...edge.tflite.container import split_model
from ...edge.tflite.graph import read_graph
from .figures import RecordedAccuracy, RecordedChange


@dataclass(frozen=True)
class Model:
    """Facts of one .tflite with a card.

    Args:
        path: where it lies, or lay.
        name: by its card.
        recipe: by its card; names the system.
        method: of quantization.
        size: bytes of the file.
        sha256: of the file.
        graph: SHA-256 of the model without its card, which stays the same when a figure is written into the card.
        macs: multiply-accumulates of one inference.
        test: its own accuracy.
        reference: accuracy of the float model that was measured along with it.
        change: what was lost, from whichever model it was compared with.
    """

    path: Path
    name: str
    recipe: str
    method: str
    size: int
    sha256: str
    graph: str
    macs: int
    test: RecordedAccuracy | None = None
    reference: RecordedAccuracy | None = None
    change: RecordedChange | None = None

    @classmethod
    def read(cls, path: Path) -> Model | None:
        """Read a model with its card; None for one without.

        Raises:
            FileError: it cannot be read, or its card is broken.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FileError(f"{path} cannot be read ({error.strerror})", expected="a .tflite model") from error
        card = card_of(data, str(path))
        if card is None:
            return None
        return cls(
            path,
            card.name,
            card.provenance.recipe,
            card.quantization.method,
            len(data),
            hashlib.sha256(data).hexdigest(),
            hashlib.sha256(split_model(data)[0]).hexdigest(),
            read_graph(data, str(path)).macs,
            RecordedAccuracy.of(card.metrics.get("test")),
            RecordedAccuracy.of(card.metrics.get("float32 test")),
            RecordedChange.of(card.metrics.get("drift")),
        )
