"""A trained face finder and its second look to .tflite files: where their scores begin, int8, and the paired gate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..edge.model.card import ModelCard, Quantization
from ..train.config.detection import FinderRecipe
from ..train.evaluation.faces import FaceOutcome, ImageOutcome, false_hits, large, recall, threshold_at
from ..train.fit.face_finder import FinderData
from ..train.inputs.face_crops import CropBatches, CropSet
from ..train.inputs.scenes import SceneComposer
from .converters.tensorflow import to_float, to_static
from .validation.paired_stats import PairedChange

#: Scenes and crops for calibration.
CALIBRATION = 250
#: False hits an image at which finders are compared: one in ten images of a camera's is what a person puts up with.
FALSE_PER_IMAGE = 0.10


def shift_finder(model: Any, threshold: float) -> None:
    """Move a finder's scores so that what was ``threshold`` becomes 0, by the biases of its maps."""
    for layer in model.layers:
        if layer.name.startswith("map"):
            kernel, bias = layer.get_weights()
            bias[0] -= threshold
            layer.set_weights([kernel, bias])


def shift_check(model: Any, threshold: float) -> None:
    """Move a second look's scores so that what was ``threshold`` becomes 0, by the bias of its dense layer."""
    layer = model.get_layer("face_and_roll")
    kernel, bias = layer.get_weights()
    bias[0] -= threshold
    layer.set_weights([kernel, bias])


def calibration_scenes(recipe: FinderRecipe, data: FinderData, *, seed: int = 0) -> np.ndarray:
    """Draw scenes as the finder was trained on, natural ones mostly: uint8 (n, height, width, 1)."""
    size, settings = (recipe.input.height, recipe.input.width), replace(recipe.scenes, natural=0.9)
    composer = SceneComposer(data.sources(), size, settings=settings, seed=seed)
    return np.stack([composer.scene()[0] for _ in range(CALIBRATION)])[..., None]


def calibration_crops(crops: CropSet, *, seed: int = 0) -> np.ndarray:
    """Draw crops as the second look was trained on: uint8 (n, side, side, 1)."""
    pixels, _ = CropBatches(crops, batch=CALIBRATION, seed=seed)()
    return np.clip(np.rint((pixels + 1) * 127.5), 0, 255).astype(np.uint8)


def to_file(model: Any, card: ModelCard, calibration: np.ndarray | None = None) -> tuple[bytes, ModelCard]:
    """Convert a network to int8, or without calibration to float32.

    Args:
        model: of tf_keras.
        card: of the float model.
        calibration: scenes or crops, uint8 (n, height, width, 1); None for float32.

    Returns:
        The flatbuffer without a card, and its card.
    """
    if calibration is None:
        return to_float(model, card.input), replace(card, quantization=Quantization("float32"))
    flatbuffer = to_static(model, card.input, calibration)
    digest = hashlib.sha256(np.ascontiguousarray(calibration).tobytes()).hexdigest()
    told = Quantization("int8", digest, len(calibration), ranges="minmax", per_channel=True)
    return flatbuffer, replace(card, quantization=told)


@dataclass(frozen=True)
class RecallChange:
    """How recall differs between two finders on the same photographs, each at its own threshold.

    Args:
        reference, candidate: recall of the faces from a twelfth of the longer side up.
        false: false hits an image of both.
        change: paired.
    """

    reference: float
    candidate: float
    false: tuple[float, float]
    change: PairedChange

    def passes(self, max_drop: float) -> bool:
        """Tell whether the upper 95 % bound of the loss is within so many points."""
        return self.change.worst_loss <= max_drop


def compare_recall(
    reference: Sequence[ImageOutcome],
    candidate: Sequence[ImageOutcome],
    *,
    false_per_image: float = FALSE_PER_IMAGE,
) -> RecallChange:
    """Compare two finders on the same photographs.

    Args:
        reference, candidate: outcomes in the same order of images.
        false_per_image: false hits an image that both are allowed.
    """
    limits = [threshold_at(outcomes, false_per_image) for outcomes in (reference, candidate)]
    faces = [large(reference), large(candidate)]
    found = [_found(some, limit) for some, limit in zip(faces, limits, strict=True)]
    shares = [recall(some, limit).value for some, limit in zip(faces, limits, strict=True)]
    false = false_hits(reference, limits[0]), false_hits(candidate, limits[1])
    return RecallChange(shares[0], shares[1], false, PairedChange.of(*found))


def _found(faces: Sequence[FaceOutcome], limit: float) -> np.ndarray:
    return np.array([face.score > limit for face in faces], bool)
