"""Times of the stages from a frame, or a face crop, to a label, for several models in turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import DataError
from ..worker.client import ModelProcess

#: Face crops or frames of one turn: few, so that a slow moment hits all models alike.
_TURN = 5


@dataclass(frozen=True)
class Stages:
    """Medians in milliseconds of the steps from a frame to an emotion; None for steps that were not measured.

    With frames, each figure is the median over those frames in which a face was found, all faces of a frame together;
    medians do not add up, which is why there is ``total``.

    Args:
        decode: compressed image to pixels.
        detect: frame to face boxes.
        preprocess: face crop to input tensor.
        invoke: input tensor to output tensor.
        postprocess: output tensor to label.
        crop: shape of the face crops; of the first face with frames.
        total: end to end, from compressed image to labels.
        frames: images that were gone through; 0 when face crops were fed.
        faces: that were found in a frame on average.
    """

    preprocess: float
    invoke: float
    postprocess: float
    crop: tuple[int, ...]
    decode: float | None = None
    detect: float | None = None
    total: float | None = None
    frames: int = 0
    faces: float | None = None


def measure_stages(
    processes: Sequence[ModelProcess], frames: Sequence[Path], *, queries: int, seed: int = 0
) -> list[Stages | None]:
    """Time the stages of models in turns, in random order in each round.

    Args:
        processes: the models, alive; those without a card have no stages.
        frames: images with faces, gone through in turn; without them face crops are fed.
        queries: at least so many of each; every frame once at least.
        seed: of the order.

    Returns:
        One for each process; None without a card.

    Raises:
        EdgeemoError: no face was found, or a model failed.
    """
    paths = [str(path) for path in frames]
    wanted = max(queries, len(paths))
    carded = [process for process in processes if process.card is not None]
    turns: dict[ModelProcess, list[dict[str, Any]]] = {process: [] for process in carded}
    draw = random.Random(seed)
    for start in range(0, wanted, _TURN):
        draw.shuffle(carded)
        for process in carded:
            n = min(_TURN, wanted - start)
            asked = process.ask("frames", paths=paths, start=start, n=n) if paths else process.ask("stages", n=n)
            turns[process].append(asked)
    return [_joined(turns[process], frames=bool(paths)) if process in turns else None for process in processes]


def _joined(turns: Sequence[dict[str, Any]], *, frames: bool) -> Stages:
    """Return medians over all turns."""
    spans: dict[str, list[float]] = {
        name: [span for turn in turns for span in turn["ns"][name]] for name in turns[0]["ns"]
    }
    faces = [count for turn in turns for count in turn["faces"]] if frames else []
    if frames and not any(faces):
        raise DataError("no face was found in the frames", hint="give images of people who face the camera")
    medians = {name: float(np.median(found)) / 1e6 for name, found in spans.items()}
    stages = Stages(
        preprocess=medians["preprocess"],
        invoke=medians["invoke"],
        postprocess=medians["postprocess"],
        crop=tuple(next(turn["crop"] for turn in turns if turn["crop"])),
        decode=medians.get("decode"),
        detect=medians.get("detect"),
        total=medians.get("total"),
    )
    return replace(stages, frames=len(faces), faces=float(np.mean(faces))) if frames else stages
