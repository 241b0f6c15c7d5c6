"""Training that begins where another ended: fine-tuning on other images, or one more stage with better soft targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...edge.common.errors import ModelError
from ...edge.common.files import existing
from ...edge.model.card import ModelCard
from ..datasets.splits import TrainingData
from ..network.ferplus_head import EMOTION, VOTES
from ..network.model import load_model
from .run import Run

#: What such a file ends in; others hold the weights of a backbone alone.
SUFFIX = ".keras"

_BACKBONES = (".h5", ".hdf5")


def is_start(weights: str) -> bool:
    """Return whether ``--weights`` names a whole network: a run folder or a .keras file.

    Raises:
        EdgeemoError: nothing is there, and by its name it could be a run folder.
    """
    if weights in ("imagenet", "none"):
        return False
    # Who reads a backbone's file says better what it should have been.
    if not weights.endswith(_BACKBONES):
        existing(weights, "a run folder, a .keras model, or imagenet or none for a pretrained backbone")
    return Path(weights).is_dir() or weights.endswith(SUFFIX)


def start_of(source: str | Path) -> Path:
    """Return the model file to begin with: of a finished run, or the file itself.

    Raises:
        EdgeemoError: it is not there, or not finished.
    """
    path = existing(source, "a run folder or .keras model to begin with")
    return (Run.open(path).model_path if path.is_dir() else path).absolute()


def load_weights(model: Any, path: str | Path, labels: tuple[str, ...]) -> bool:
    """Give a network the weights of another of the same architecture, layer by layer, by name.

    The classifier starts over for other classes. What is there for training alone keeps what it has.

    Args:
        model: network to change in place.
        path: .keras file to read; one in a run folder has its classes in the card beside it.
        labels: classes of the network.

    Returns:
        Whether the classifier's weights were taken as well.

    Raises:
        ModelError: the file cannot be read, or it holds another architecture.
    """
    given = {layer.name: layer for layer in load_model(path, compile=False).layers if layer.weights}
    own = {layer.name: layer for layer in model.layers if layer.weights and layer.name != VOTES}
    others = {name for name in own.keys() | given.keys() if _shapes(own.get(name)) != _shapes(given.get(name))}
    if strange := others - {EMOTION, VOTES}:
        name = min(strange)
        raise ModelError(
            f"{path} is not of the recipe's architecture",
            expected=f"{name} with {_text(own.get(name))}",
            got=_text(given.get(name)),
            hint="begin with a model of the same recipe and options, or from scratch",
        )
    if _labels(Path(path)) not in (None, labels):
        others.add(EMOTION)
    for name in own.keys() - others:
        own[name].set_weights(given[name].get_weights())
    return EMOTION not in others


def warnings(path: Path, data: TrainingData, whole: bool) -> list[str]:
    """Return warnings about a warm start, in sentences.

    Args:
        path: model file to begin with.
        data: splits of the training.
        whole: whether the classifier's weights were taken as well.
    """
    said = [] if whole else [f"{path} has other classes: the classifier starts over"]
    seen = Run(path.parent).hashes
    if seen.get("validation") != data.hashes["validation"]:
        said.append(
            f"{path} may have been trained on images that are validated on here: validation accuracy can be too high"
        )
    return said


def _labels(path: Path) -> tuple[str, ...] | None:
    card = path.parent / "card.json"
    return ModelCard.from_json(card.read_text(encoding="utf-8"), str(card)).labels if card.is_file() else None


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights] if layer else []


def _text(layer: Any) -> str:
    return f"weights of {', '.join('x'.join(map(str, shape)) or '1' for shape in _shapes(layer))}" if layer else "none"
