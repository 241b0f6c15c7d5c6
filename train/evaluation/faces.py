"""How well faces are found on photographs, and what that leaves of the labels: recall by size and pose, false hits an
image, expressions right end to end. Nothing of TensorFlow, so that it can be measured on the device.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...edge.common.proportion import Accuracy
from ...edge.faces.heatmaps import Hit
from ..datasets.boxes import BoxedImage, Region

#: A hit is a face's when the centers are within this share of its height and the sides within :data:`FACTOR`.
NEAR, FACTOR = 0.5, 2.0
#: Bounds of the sizes for which recall is reported, in shares of the image's longer side.
SIZES = (1 / 4, 1 / 8, 1 / 12, 1 / 16, 1 / 24)
#: Faces from this share up are what a device is asked for; smaller ones show no expression at its resolution.
LARGE = 1 / 12


@dataclass(frozen=True)
class FaceOutcome:
    """What became of one marked face.

    Args:
        region: the face.
        share: its height in the image's longer side.
        score: of its hit; minus infinity when it was missed.
        label: what its expression was called; empty when nobody asked or it was missed.
    """

    region: Region
    share: float
    score: float
    label: str = ""


@dataclass(frozen=True)
class ImageOutcome:
    """What became of one image.

    Args:
        key: of the image.
        faces: every face that counts.
        false: scores of the hits that are no marked face.
    """

    key: str
    faces: tuple[FaceOutcome, ...]
    false: tuple[float, ...]


def match(regions: Sequence[Region], hits: Sequence[Hit]) -> dict[int, int]:
    """Pair hits with marked faces, the closest pairs first, each of them once.

    Args:
        regions: faces, and what counts neither way.
        hits: squares.

    Returns:
        Position of the hit -> position of the region.
    """
    pairs = []
    for i, hit in enumerate(hits):
        for j, region in enumerate(regions):
            x, y = region.center
            away = math.hypot(hit.x - x, hit.y - y) / region.height
            ratio = hit.side / region.height
            if away < NEAR and 1 / FACTOR <= ratio <= FACTOR:
                pairs.append((away + abs(math.log(ratio)), i, j))
    found: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in found and j not in found.values():
            found[i] = j
    return found


def outcome(
    image: BoxedImage,
    longest: int,
    hits: Sequence[Hit],
    *,
    name: Callable[[Hit], str] | None = None,
) -> ImageOutcome:
    """Hold the hits in an image against its marked faces.

    Args:
        image: with its boxes.
        longest: its longer side in pixels.
        hits: what the detector gave, from its least score up.
        name: gives the label of a found face; asked only where an expression is marked.
    """
    found = match(image.regions, hits)
    hit_of = {j: hits[i] for i, j in found.items()}
    faces = []
    for j, region in enumerate(image.regions):
        if region.kind != "face":
            continue
        hit = hit_of.get(j)
        label = name(hit) if name and hit and region.expression else ""
        faces.append(FaceOutcome(region, region.height / longest, hit.score if hit else -math.inf, label))
    false = tuple(hit.score for i, hit in enumerate(hits) if i not in found)
    return ImageOutcome(image.key, tuple(faces), false)


def threshold_at(outcomes: Sequence[ImageOutcome], false_per_image: float) -> float:
    """Return the score above which at most so many false hits an image are left."""
    scores = sorted((score for image in outcomes for score in image.false), reverse=True)
    allowed = math.floor(false_per_image * len(outcomes) + 1e-9)
    return scores[allowed] if allowed < len(scores) else -math.inf


def false_hits(outcomes: Sequence[ImageOutcome], threshold: float) -> float:
    """Return the number of false hits an image above a score."""
    return sum(score > threshold for image in outcomes for score in image.false) / max(1, len(outcomes))


def recall(faces: Iterable[FaceOutcome], threshold: float) -> Accuracy:
    """Share of faces with a hit above a score."""
    scores = np.array([face.score for face in faces], float)
    return Accuracy(int((scores > threshold).sum()), len(scores))


def large(outcomes: Sequence[ImageOutcome]) -> list[FaceOutcome]:
    """Return the faces from :data:`LARGE` up."""
    return [face for image in outcomes for face in image.faces if face.share >= LARGE]


def recall_by_size(outcomes: Sequence[ImageOutcome], threshold: float) -> dict[str, Accuracy]:
    """Return the recall for each range of sizes, the largest first."""
    faces = [face for image in outcomes for face in image.faces]
    bounds = [math.inf, *SIZES, 0.0]
    return {
        _range(low, high): recall([face for face in faces if low <= face.share < high], threshold)
        for high, low in itertools.pairwise(bounds)
    }


def recall_by_pose(outcomes: Sequence[ImageOutcome], threshold: float) -> dict[str, Accuracy]:
    """Return the recall of faces for each pose that the source names."""
    poses: dict[str, list[FaceOutcome]] = {}
    for image in outcomes:
        for face in image.faces:
            if face.region.pose:
                poses.setdefault(face.region.pose, []).append(face)
    return {pose: recall(faces, threshold) for pose, faces in sorted(poses.items())}


def named(outcomes: Sequence[ImageOutcome], threshold: float) -> tuple[Accuracy, Accuracy]:
    """Return expressions named rightly: of all faces with one (a missed face is wrong), and of those found."""
    marked = [face for image in outcomes for face in image.faces if face.region.expression]
    found = [face for face in marked if face.score > threshold]
    right = sum(face.label == face.region.expression for face in found)
    return Accuracy(right, len(marked)), Accuracy(right, len(found))


def _range(low: float, high: float) -> str:
    if high == math.inf:
        return f">= 1/{1 / low:.0f}"
    return f"< 1/{1 / high:.0f}" if low == 0 else f"1/{1 / low:.0f} to 1/{1 / high:.0f}"
