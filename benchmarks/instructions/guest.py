"""The emulated process: a model and the stages of a frame, with a mark at every border."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...edge.common.errors import EdgeemoError
from ...edge.common.version import package_version
from ...edge.faces.haar import HaarDetector
from ...edge.host.hardware import read_device
from ...edge.inference.classifier import Classifier
from ...edge.vision.box import Box
from ...edge.vision.image import decode
from ..worker.worker import ModelWorker
from .markers import WARM_UP, Mark, mark

#: Inferences, and face crops, that are counted.
QUERIES = 7
#: Packages whose version decides what is executed.
PACKAGES = ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python", "opencv-python-headless")


def count(path: str, runtime: str, card: dict[str, Any] | None, frames: Sequence[str]) -> dict[str, Any]:
    """Run a model, and what is around it, so that each part lies between two marks.

    Args:
        path: of the model.
        runtime: see :func:`edgeemo.edge.inference.interpreter.load`; one thread.
        card: as a dictionary, or None.
        frames: images to go through from the file to the labels; without them noise crops are preprocessed.

    Returns:
        The emulated processor, and the versions of what ran the model.
    """
    cv2.setNumThreads(1)
    worker = ModelWorker(path=path, runtime=runtime, threads=1, delegate=None, card=card, images=None)
    # A collection would be counted for whatever it happens in.
    gc.collect()
    gc.disable()
    for _ in range(WARM_UP + QUERIES):
        mark(Mark.EMPTY)
    for tensor in _first(worker.inputs):
        mark(Mark.QUERY)
        worker.session.invoke(tensor)
        mark(Mark.IDLE)
    if worker.card:
        classifier = Classifier(worker.card, worker.session)
        if frames:
            _frames(classifier, [Path(frame) for frame in frames])
        else:
            for crop in _first(worker.crops):
                mark(Mark.FRAME)
                _classify(classifier, crop)
    device = read_device()
    return {
        **{name: worker.facts[name] for name in ("runtime", "version", "delegate")},
        "processor": device.cpu,
        "packages": {"python": device.python, **{name: found for name in PACKAGES if (found := package_version(name))}},
    }


def _first(items: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [items[index % len(items)] for index in range(WARM_UP + QUERIES)]


def _frames(classifier: Classifier, paths: Sequence[Path]) -> None:
    """Run the stages of ``edgeemo run``, one by one."""
    detector = HaarDetector()
    files = [(path.read_bytes(), str(path)) for path in paths]
    for data, name in [files[0]] * WARM_UP + files:
        mark(Mark.FRAME)
        mark(Mark.DECODE)
        frame = decode(data, name)
        mark(Mark.DETECT)
        boxes = [one.box for one in detector.detect(frame)]
        mark(Mark.IDLE)
        for box in boxes:
            _classify(classifier, frame, box)


def _classify(classifier: Classifier, frame: np.ndarray, box: Box | None = None) -> None:
    mark(Mark.PREPROCESS)
    tensor = classifier.encode(box.grown(classifier.card.margin).crop(frame) if box else frame)
    mark(Mark.INVOKE)
    output = classifier.session.invoke(tensor)
    mark(Mark.POSTPROCESS)
    classifier.decode(output).argmax()
    mark(Mark.IDLE)


def main(request: str, answer: str) -> None:
    """Read the file ``request`` (JSON), run it, and write ``answer``."""
    found: dict[str, Any]
    try:
        found = count(**json.loads(Path(request).read_text(encoding="utf-8")))
    except EdgeemoError as error:
        found = {"error": str(error)}
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
