"""Detection and classification of the faces of one image, with the time of each stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from ..inference.classifier import Classifier
from ..vision.box import Box
from .crops import face_crop
from .detector import Detection, Detector, largest_first
from .face import Face


@dataclass(frozen=True)
class StageTimes:
    """Milliseconds of the stages of one image, all its faces together.

    Args:
        detect: face detection.
        preprocess: crop, colors, size, normalization, quantization.
        invoke: model.
        postprocess: dequantization and choice of the label.
    """

    detect: float
    preprocess: float
    invoke: float
    postprocess: float

    @property
    def total(self) -> float:
        """Sum of the stages."""
        return self.detect + self.preprocess + self.invoke + self.postprocess

    def to_dict(self) -> dict[str, float]:
        """Return every stage and the total for JSON, rounded to microseconds."""
        return {name: round(value, 3) for name, value in {**vars(self), "total": self.total}.items()}


@dataclass(frozen=True)
class FrameResult:
    """The faces of one image.

    Args:
        faces: classified faces, largest first; empty when there is none.
        times: time of each stage.
    """

    faces: tuple[Face, ...]
    times: StageTimes


def classify_frame(
    frame: np.ndarray, detector: Detector, classifier: Classifier, *, small: np.ndarray | None = None
) -> FrameResult:
    """Find and classify the faces of one image.

    Args:
        frame: uint8 (h, w) gray or (h, w, 3) RGB.
        detector: face detector.
        classifier: emotion classifier.
        small: the same view, reduced by the camera itself: faces are searched there, and cropped from ``frame``.

    Raises:
        ModelError: the model gives values that are not numbers.
    """
    start = time.perf_counter()
    found = _find(frame, detector, small)
    detect = time.perf_counter() - start
    preprocess = invoke = postprocess = 0.0
    faces = []
    for detection in found:
        box = detection.box.inside(frame.shape[1], frame.shape[0])
        began = time.perf_counter()
        tensor = classifier.encode(face_crop(frame, detection, margin=classifier.card.margin))
        encoded = time.perf_counter()
        output = classifier.session.invoke(tensor)
        invoked = time.perf_counter()
        faces.append(_face(box, classifier.decode(output), classifier.card.labels))
        preprocess += encoded - began
        invoke += invoked - encoded
        postprocess += time.perf_counter() - invoked
    times = StageTimes(*(1e3 * seconds for seconds in (detect, preprocess, invoke, postprocess)))
    return FrameResult(tuple(faces), times)


def _find(frame: np.ndarray, detector: Detector, small: np.ndarray | None) -> list[Detection]:
    searched = frame if small is None else small
    across, down = frame.shape[1] / searched.shape[1], frame.shape[0] / searched.shape[0]
    return largest_first(replace(one, box=one.box.scaled(across, down)) for one in detector.detect(searched))


def _face(box: Box, probabilities: np.ndarray, labels: tuple[str, ...]) -> Face:
    values = [float(value) for value in probabilities]
    best = max(range(len(labels)), key=values.__getitem__)
    return Face(box, labels[best], values[best], dict(zip(labels, values, strict=True)))
