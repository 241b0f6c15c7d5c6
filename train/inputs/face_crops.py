"""Crops for the second look: marked faces, and what a face finder has taken for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress

import cv2
import numpy as np

from ...edge.faces.crops import upright_crop
from ...edge.faces.finder import CONTEXT, ROLL_UNIT
from ...edge.faces.heatmaps import Hit
from ..datasets.boxes import Region

#: Side of a stored crop in sides of what the network sees: room to turn and shift it.
ROOM = 1.5
#: Further from every marked face than this, in sides of the larger box, or of another size by more than
#: :data:`_UNLIKE`, a hit is false; what is nearer but no match is neither.
_APART, _UNLIKE = 0.65, 2.2
_MATCH, _ALIKE = 0.35, 1.6
#: Faces below this side in pixels show too little to be judged.
_SMALLEST = 14
#: False hits that are kept of one view: the surest. A busy photograph must not be most of what is learned from.
_FALSE = 5


@dataclass
class CropSet:
    """Crops with what they are.

    Args:
        side: of the network's input, pixels; stored crops are larger by :data:`ROOM`.
        crops: uint8 (n, n) each.
        faces: whether each shows a face.
        rolls: radians, counter-clockwise; NaN when unknown.
    """

    side: int = 48
    crops: list[np.ndarray] = field(default_factory=list)
    faces: list[bool] = field(default_factory=list)
    rolls: list[float] = field(default_factory=list)

    def add(self, gray: np.ndarray, x: float, y: float, side: float, *, face: bool, roll: float | None = None) -> None:
        """Cut and keep one crop."""
        crop = upright_crop(gray, x, y, side * CONTEXT * ROOM, size=round(self.side * ROOM))
        self.crops.append(crop.copy())
        self.faces.append(face)
        self.rolls.append(math.nan if roll is None else roll)

    def add_image(
        self,
        gray: np.ndarray,
        regions: Sequence[Region],
        hits: Iterable[Hit],
        *,
        rng: np.random.Generator,
        scattered: int = 1,
    ) -> None:
        """Keep the faces of an image, its matching hits as they lie, and its false hits.

        Args:
            gray: uint8 (h, w).
            regions: all marked faces, and what counts neither way.
            hits: of a face finder.
            rng: for the scatter.
            scattered: copies of each marked face, shifted and scaled as a finder's boxes are.
        """
        for region in regions:
            if region.kind != "face" or region.side < _SMALLEST:
                continue
            for _ in range(scattered):
                shift = rng.normal(0, 0.05, 2) * region.side
                side = region.side * math.exp(rng.normal(0, 0.08))
                x, y = region.center
                self.add(gray, x + shift[0], y + shift[1], side, face=True, roll=region.roll)
        false = 0
        for hit in sorted(hits, key=lambda hit: -hit.score):
            if hit.side < _SMALLEST:
                continue
            near = [region for region in regions if not _apart(hit, region)]
            if not near:
                false += 1
                if false <= _FALSE:
                    self.add(gray, hit.x, hit.y, hit.side, face=False)
                continue
            closest = min(near, key=lambda region: _distance(hit, region))
            if closest.kind == "face" and _distance(hit, closest) < _MATCH and _ratio(hit, closest) < _ALIKE:
                self.add(gray, hit.x, hit.y, hit.side, face=True, roll=closest.roll)

    def split(self, group: int, every: int) -> tuple[CropSet, CropSet]:
        """Split off every ``every``-th group of ``group`` neighboring crops: neighbors are of one image."""
        held = [index // group % every == 0 for index in range(len(self.crops))]
        return self._part([not one for one in held]), self._part(held)

    def _part(self, chosen: Sequence[bool]) -> CropSet:
        return CropSet(
            self.side,
            list(compress(self.crops, chosen)),
            list(compress(self.faces, chosen)),
            list(compress(self.rolls, chosen)),
        )


class CropBatches:
    """Draws batches: half faces, half none, each turned, shifted, scaled, mirrored and lit.

    Args:
        crops: to draw from.
        batch: crops of a batch.
        steepest: roll in degrees up to which ``tilted`` of the crops are turned evenly; the others by ``upright``.
        tilted, upright: share, and standard deviation in degrees.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        crops: CropSet,
        *,
        batch: int = 128,
        steepest: float = 75.0,
        tilted: float = 0.3,
        upright: float = 10.0,
        seed: int = 0,
    ) -> None:
        self._crops, self._batch, self._rng = crops, batch, np.random.default_rng(seed)
        self._steepest, self._tilted, self._upright = steepest, tilted, upright
        faces = np.array(crops.faces, bool)
        self._kinds = np.flatnonzero(faces), np.flatnonzero(~faces)

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        """float32 (batch, side, side, 1) in -1 to 1, and the targets, float32 (batch, 3): 1 for a face, roll in
        :data:`ROLL_UNIT`, weight of the roll.
        """
        rng, side = self._rng, self._crops.side
        faces, others = self._kinds
        chosen = np.concatenate(
            [rng.choice(faces, self._batch // 2), rng.choice(others, self._batch - self._batch // 2)]
        )
        pixels = np.empty((self._batch, side, side), np.float32)
        targets = np.zeros((self._batch, 3), np.float32)
        for row, index in enumerate(chosen):
            pixels[row], roll = self._changed(self._crops.crops[index], self._crops.rolls[index])
            targets[row] = self._crops.faces[index], roll / ROLL_UNIT, self._weight(index)
        n = self._batch
        pixels -= 128
        pixels *= rng.uniform(0.6, 1.3, (n, 1, 1)).astype(np.float32)
        pixels += 128 + rng.uniform(-30, 30, (n, 1, 1)).astype(np.float32)
        pixels += rng.standard_normal(pixels.shape, np.float32) * rng.uniform(0, 6, (n, 1, 1)).astype(np.float32)
        np.clip(pixels, 0, 255, out=pixels)
        return pixels[..., None] / np.float32(127.5) - 1, targets

    def _weight(self, index: int) -> float:
        # Where nobody has marked the eyes, faces are nearly upright: worth something, but not as much.
        if not self._crops.faces[index]:
            return 0.0
        return 0.4 if math.isnan(self._crops.rolls[index]) else 1.0

    def _changed(self, crop: np.ndarray, roll: float) -> tuple[np.ndarray, float]:
        rng, side = self._rng, self._crops.side
        degrees = (
            rng.uniform(-self._steepest, self._steepest)
            if rng.random() < self._tilted
            else rng.normal(0, self._upright)
        )
        middle = np.array([crop.shape[1] / 2, crop.shape[0] / 2])
        matrix = cv2.getRotationMatrix2D(tuple(middle), degrees, math.exp(rng.normal(0, 0.07)))
        matrix[:, 2] = matrix[:, 2] + side / 2 - middle + rng.normal(0, 0.03, 2) * side
        whole = 0.0 if math.isnan(roll) else roll
        whole += math.radians(degrees)
        if rng.random() < 0.5:
            # Mirror the result: x becomes side - x.
            matrix[0] *= -1
            matrix[0, 2] += side
            whole = -whole
        turned = cv2.warpAffine(crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if rng.random() < 0.15:
            turned = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.4, 1.2))
        return turned, whole


def mine(
    crops: CropSet,
    images: Iterable[tuple[np.ndarray, Sequence[Region]]],
    find: Callable[[np.ndarray], Sequence[Hit]],
    *,
    views: int,
    rng: np.random.Generator,
) -> None:
    """Collect crops from images: their faces, and what a finder takes for faces in the whole and in parts of them.

    Args:
        crops: to add to.
        images: gray uint8 (h, w) with their boxes.
        find: gives hits, many false ones among them.
        views: parts of each image, drawn at random, beside the whole.
        rng: for the parts.
    """
    for gray, regions in images:
        crops.add_image(gray, regions, find(gray), rng=rng, scattered=2)
        for _ in range(views):
            scale = rng.uniform(0.3, 0.8)
            height, width = int(gray.shape[0] * scale), int(gray.shape[1] * scale)
            if min(height, width) < 48:
                continue
            y, x = rng.integers(0, gray.shape[0] - height + 1), rng.integers(0, gray.shape[1] - width + 1)
            part = np.ascontiguousarray(gray[y : y + height, x : x + width])
            moved = [Hit(h.x + x, h.y + y, h.side, h.score) for h in find(part)]
            crops.add_image(gray, regions, moved, rng=rng, scattered=0)


def _distance(hit: Hit, region: Region) -> float:
    """Between the centers, in sides of the larger box."""
    x, y = region.center
    return math.hypot(hit.x - x, hit.y - y) / max(hit.side, region.side)


def _ratio(hit: Hit, region: Region) -> float:
    return max(hit.side / region.side, region.side / hit.side)


def _apart(hit: Hit, region: Region) -> bool:
    return _distance(hit, region) > _APART or _ratio(hit, region) > _UNLIKE
