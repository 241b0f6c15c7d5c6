"""Times of the stages of a camera's frame, from compressed image to labels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...edge.faces.analysis import classify_frame
from ...edge.faces.haar import HaarDetector
from ...edge.inference.classifier import Classifier
from ...edge.vision.image import decode

_STAGES = ("detect", "preprocess", "invoke", "postprocess")


class FrameTimer:
    """Compressed images in memory, and what decodes, detects and classifies them.

    Args:
        paths: of the images.
        classifier: of the faces.
    """

    def __init__(self, paths: Sequence[str], classifier: Classifier) -> None:
        self._files = [(path, Path(path).read_bytes()) for path in paths]
        self._detector, self._classifier = HaarDetector(), classifier
        # The first frame of each is for the caches.
        self.times(0, len(self._files))

    def times(self, start: int, n: int) -> dict[str, Any]:
        """Time n frames: nanoseconds of those in which a face was found, and the number of faces in each of all.

        Args:
            start: number of the first; the images are gone through in turn.
            n: frames.
        """
        clock = time.perf_counter_ns
        times: dict[str, list[float]] = {name: [] for name in ("decode", *_STAGES, "total")}
        faces: list[int] = []
        crop: tuple[int, ...] = ()
        for index in range(start, start + n):
            path, data = self._files[index % len(self._files)]
            began = clock()
            frame = decode(data, path)
            decoded = clock()
            found = classify_frame(frame, self._detector, self._classifier)
            total = clock() - began
            faces.append(len(found.faces))
            if not found.faces:
                continue
            crop = crop or found.faces[0].box.crop(frame).shape
            stages = {name: 1e6 * getattr(found.times, name) for name in _STAGES}
            for name, span in {"decode": decoded - began, **stages, "total": total}.items():
                times[name].append(span)
        return {"ns": times, "faces": faces, "crop": crop}
