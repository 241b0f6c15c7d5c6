"""Training scenes for a face finder: views into photographs with boxes, and faces pasted onto backgrounds.

Everything is drawn at the size that the network sees, so that a scene costs half a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..datasets.boxes import BoxedImage, shrink

#: Values of a box in a scene: center x, center y and side in pixels, and 1 for a face or -1 for what may be one.
BOX = 4
_FACE, _IGNORE = 1.0, -1.0
#: Between two levels of a pyramid. At most 1.4 is left to bilinear interpolation, which does not alias then.
_STEP = 2**-0.5
_TEXT = "ABCDEFGHIJKLMNOPRSTUVWXYZabcdeghknopqrst0123456789@&%$OQ08B"


@dataclass(frozen=True)
class SceneSettings:
    """How scenes are drawn.

    Args:
        natural: share of scenes that are views into photographs with faces; the others are composed.
        whole: share of those views that show about the whole photograph, as a device sees it.
        pasted: share of views that get a pasted face as well.
        upright: standard deviation of roll in degrees.
        tilted: share of scenes and faces with a roll drawn evenly up to ``steepest``.
        steepest: in degrees.
        smallest, largest: side of a face in pixels, drawn evenly on a logarithmic scale.
        fragments: share of pasted faces that are a part or pieces of one, and count as none.
        text: share of scenes with letters.
        mined: share of composed scenes whose background is one that fooled the network.
    """

    natural: float = 0.6
    whole: float = 0.35
    pasted: float = 0.3
    upright: float = 9.0
    tilted: float = 0.25
    steepest: float = 65.0
    smallest: float = 9.0
    largest: float = 140.0
    fragments: float = 0.1
    text: float = 0.15
    mined: float = 0.25


class Photograph:
    """A photograph as a pyramid, so that any view into it is one small warp.

    Args:
        image: pixels and boxes.
        longest: the photograph is reduced to so many pixels of its longer side.
    """

    def __init__(self, image: BoxedImage, *, longest: int = 512) -> None:
        pixels = image.load()
        scale = min(1.0, longest / max(pixels.shape))
        pixels = shrink(pixels, scale)
        self.levels = [pixels]
        while min(self.levels[-1].shape) > 48:
            self.levels.append(shrink(pixels, _STEP ** len(self.levels)))
        self.height, self.width = pixels.shape
        rows = [(*r.center, r.side, _FACE if r.kind == "face" else _IGNORE) for r in image.regions]
        self.boxes = np.array(rows, np.float32).reshape(-1, BOX)
        self.boxes[:, :3] *= scale

    def view(
        self, center: tuple[float, float], scale: float, degrees: float, size: tuple[int, int], *, border: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look into the photograph.

        Args:
            center: the place in the photograph that comes to the middle.
            scale: pixels of the view for one of the photograph.
            degrees: rotation, counter-clockwise.
            size: (height, width) of the view.
            border: gray value outside the photograph; None repeats its edge.

        Returns:
            uint8 (height, width), and the boxes in the view, float32 (n, 4).
        """
        matrix = cv2.getRotationMatrix2D(center, degrees, scale)
        matrix[:, 2] = matrix[:, 2] + np.array([size[1] / 2, size[0] / 2]) - center
        boxes = self.boxes.copy()
        boxes[:, :2] = self.boxes[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        boxes[:, 2] *= scale
        level = int(np.clip(math.log(max(scale, 1e-6)) / math.log(_STEP), 0, len(self.levels) - 1))
        source = self.levels[level]
        warp = matrix.copy()
        warp[:, 0] *= self.width / source.shape[1]
        warp[:, 1] *= self.height / source.shape[0]
        pixels = cv2.warpAffine(
            source,
            warp,
            size[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT,
            borderValue=border or 0,
        )
        return pixels, boxes


@dataclass
class SceneSources:
    """What scenes are drawn from.

    Args:
        photographs: with faces.
        backgrounds: without any.
        faces: square crops, uint8 gray, framed by the face.
        share: side of the face's box in a crop's side.
        mined: scenes without a face that fooled the network; grows while it is trained.
    """

    photographs: Sequence[Photograph]
    backgrounds: Sequence[Photograph]
    faces: Sequence[np.ndarray]
    share: float = 0.98
    mined: list[np.ndarray] = field(default_factory=list)


class SceneComposer:
    """Draws scenes.

    Args:
        sources: what from.
        size: (height, width) of a scene.
        settings: how.
        seed: of everything that is drawn.
    """

    def __init__(
        self, sources: SceneSources, size: tuple[int, int], *, settings: SceneSettings | None = None, seed: int = 0
    ) -> None:
        self.sources, self.size, self.settings = sources, size, settings or SceneSettings()
        self.rng = np.random.default_rng(seed)

    def scene(self) -> tuple[np.ndarray, np.ndarray]:
        """Draw one scene: uint8 (height, width), and its boxes, float32 (n, 4)."""
        rng, settings = self.rng, self.settings
        if rng.random() < settings.natural:
            pixels, boxes = self._natural()
            faces = int(rng.random() < settings.pasted)
        else:
            pixels, boxes = self.background(), np.empty((0, BOX), np.float32)
            faces = int(rng.choice([0, 1, 1, 1, 2, 2, 3, 5]))
        if rng.random() < settings.text:
            self._write(pixels)
        for _ in range(faces):
            boxes = self._paste(pixels, boxes)
        if rng.random() < 0.25:
            pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.1))
        return pixels, boxes

    def background(self) -> np.ndarray:
        """Draw a scene without a face: uint8 (height, width)."""
        rng, sources, (height, width) = self.rng, self.sources, self.size
        kind = rng.random()
        if sources.mined and kind < self.settings.mined:
            return sources.mined[int(rng.integers(len(sources.mined)))].copy()
        if sources.photographs and rng.random() < 0.2 and (pixels := self._between_faces()) is not None:
            return pixels
        if rng.random() < 0.04:
            return self._noise()
        photograph = sources.backgrounds[int(rng.integers(len(sources.backgrounds)))]
        fitting = max(width / photograph.width, height / photograph.height)
        scale = fitting / rng.uniform(0.15, 1)
        return self._look(photograph, self._anywhere(photograph), scale)[0]

    def _natural(self) -> tuple[np.ndarray, np.ndarray]:
        rng, settings, (height, width) = self.rng, self.settings, self.size
        photograph = self.sources.photographs[int(rng.integers(len(self.sources.photographs)))]
        fitting = min(width / photograph.width, height / photograph.height)
        if rng.random() < settings.whole:
            center = (photograph.width / 2, photograph.height / 2)
            return self._look(photograph, center, fitting * math.exp(rng.uniform(-0.15, 0.2)), rigid=True)
        x, y, side, _ = photograph.boxes[rng.integers(len(photograph.boxes))]
        scale = float(np.clip(self._side() / side, 0.8 * fitting, 2.0))
        # Anywhere in the view, but mostly not cut by its edge.
        center = (x - rng.uniform(-0.48, 0.48) * width / scale, y - rng.uniform(-0.48, 0.48) * height / scale)
        return self._look(photograph, center, scale)

    def _look(
        self, photograph: Photograph, center: tuple[float, float], scale: float, *, rigid: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        rng, (height, width) = self.rng, self.size
        if not rigid:
            center = (
                _within(center[0], width / scale, photograph.width),
                _within(center[1], height / scale, photograph.height),
            )
        border = None if rng.random() < 0.3 else int(rng.integers(0, 256)) if rng.random() < 0.5 else 0
        pixels, boxes = photograph.view(center, scale, self._roll(), self.size, border=border)
        # A face whose center is outside is no cell's to find, but what is seen of it is no background either.
        outside = (boxes[:, 0] < 0) | (boxes[:, 0] >= width) | (boxes[:, 1] < 0) | (boxes[:, 1] >= height)
        boxes[outside, 3] = _IGNORE
        reach = boxes[:, 2] / 2
        seen = (boxes[:, 0] > -reach) & (boxes[:, 0] < width + reach)
        seen &= (boxes[:, 1] > -reach) & (boxes[:, 1] < height + reach)
        return pixels, boxes[seen]

    def _between_faces(self) -> np.ndarray | None:
        """A view into a photograph with faces that shows none of them: bodies, hands, hair."""
        rng, (height, width) = self.rng, self.size
        for _ in range(6):
            photograph = self.sources.photographs[int(rng.integers(len(self.sources.photographs)))]
            scale = max(width / photograph.width, height / photograph.height) / rng.uniform(0.2, 0.8)
            pixels, boxes = self._look(photograph, self._anywhere(photograph), scale)
            if not len(boxes):
                return pixels
        return None

    def _noise(self) -> np.ndarray:
        rng, (height, width) = self.rng, self.size
        coarse = rng.normal(128, 60, (rng.integers(2, 12), rng.integers(2, 16))).astype(np.float32)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.clip(smooth + rng.normal(0, rng.uniform(0, 20), self.size), 0, 255).astype(np.uint8)

    def _anywhere(self, photograph: Photograph) -> tuple[float, float]:
        return self.rng.uniform(0, photograph.width), self.rng.uniform(0, photograph.height)

    def _side(self) -> float:
        low, high = math.log(self.settings.smallest), math.log(self.settings.largest)
        return math.exp(self.rng.uniform(low, high))

    def _roll(self) -> float:
        settings = self.settings
        if self.rng.random() < settings.tilted:
            return self.rng.uniform(-settings.steepest, settings.steepest)
        return self.rng.normal(0, settings.upright)

    def _write(self, pixels: np.ndarray) -> None:
        rng, (height, width) = self.rng, self.size
        text = "".join(rng.choice(list(_TEXT), rng.integers(1, 9)))
        scale = math.exp(rng.uniform(math.log(0.25), math.log(2.4)))
        place = int(rng.integers(-10, width - 20)), int(rng.integers(8, height))
        font = int(rng.choice([0, 1, 2, 3, 4, 6, 7]))
        thickness = int(rng.integers(1, max(2, int(scale * 5))))
        cv2.putText(pixels, text, place, font, scale, rng.uniform(0, 255), thickness, cv2.LINE_AA)

    def _paste(self, pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Paste a face into ``pixels`` and return the boxes with its own; neither changes where there is no room."""
        rng, (height, width), side = self.rng, self.size, self._side()
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if min(x, y, width - x, height - y) < 0.35 * side:
            return boxes
        room = 0.55 * (boxes[:, 2] + side)
        if np.any((np.abs(boxes[:, 0] - x) < room) & (np.abs(boxes[:, 1] - y) < room)):
            return boxes
        crop = self.sources.faces[int(rng.integers(len(self.sources.faces)))]
        fragment = rng.random() < self.settings.fragments
        if fragment:
            crop = _fragment(crop, rng)
        face = _relit(crop, rng)
        mask = _mask(crop.shape[0], rng)
        scale = side / (self.sources.share * crop.shape[0])
        if scale < 0.7:
            face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            mask = cv2.resize(mask, face.shape[::-1], interpolation=cv2.INTER_AREA)
            scale = 1.0
        # Only the part of the scene that the face can reach is touched.
        reach = 0.75 * scale * face.shape[0] + 1
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
        middle = (face.shape[1] / 2, face.shape[0] / 2)
        matrix = cv2.getRotationMatrix2D(middle, self._roll(), scale)
        matrix[:, 2] += np.array([x - left, y - top]) - middle
        place, size = pixels[top:bottom, left:right], (right - left, bottom - top)
        opaque = cv2.warpAffine(mask, matrix, size)
        pasted = cv2.warpAffine(face, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        place[:] = place * (1 - opaque) + pasted * opaque
        if fragment:
            return boxes
        if rng.random() < 0.08:
            self._cover(pixels, x, y, side)
        return np.concatenate([boxes, np.array([[x, y, side, _FACE]], np.float32)])

    def _cover(self, pixels: np.ndarray, x: float, y: float, side: float) -> None:
        """Hide a part of a face behind an ellipse."""
        rng = self.rng
        half = side * rng.uniform(0.15, 0.45)
        center = int(x + rng.uniform(-0.5, 0.5) * side), int(y + rng.uniform(-0.5, 0.5) * side)
        axes = max(1, int(half)), max(1, int(half * rng.uniform(0.5, 1.5)))
        cv2.ellipse(pixels, center, axes, rng.uniform(0, 180), 0, 360, rng.uniform(0, 255), -1)


def _within(middle: float, length: float, whole: float) -> float:
    """The middle of a stretch, moved so that the stretch lies inside the whole if it can."""
    return whole / 2 if length >= whole else min(max(middle, length / 2), whole - length / 2)


def _fragment(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A quarter of a face, or its quarters in another order."""
    side = crop.shape[0]
    half = side // 2
    if rng.random() < 0.5:
        y, x = rng.integers(0, side - half, 2)
        return cv2.resize(np.ascontiguousarray(crop[y : y + half, x : x + half]), (side, side))
    quarters = [crop[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    order = rng.permutation(4)
    if (order == np.arange(4)).all():
        order = order[::-1]
    a, b, c, d = (quarters[index] for index in order)
    return cv2.resize(np.vstack([np.hstack([a, b]), np.hstack([c, d])]), (side, side))


def _relit(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror half of the time; change contrast and brightness. float32."""
    face = np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop).astype(np.float32)
    mean = float(face.mean())
    face -= mean
    face *= rng.uniform(0.6, 1.25)
    face += mean * rng.uniform(0.6, 1.2) + rng.uniform(-25, 25)
    return np.clip(face, 0, 255, out=face)


def _mask(side: int, rng: np.random.Generator) -> np.ndarray:
    """Opacity of a pasted crop, float32 (side, side): mostly a soft ellipse, else a soft square."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    if rng.random() < 0.8:
        across = (axis / rng.uniform(0.75, 0.98)) ** 2
        down = ((axis - rng.uniform(-0.05, 0.05)) / rng.uniform(0.85, 1.02)) ** 2
        distance = np.sqrt(across[None, :] + down[:, None])
        return np.clip((1.02 - distance) / rng.uniform(0.04, 0.35), 0, 1).astype(np.float32)
    edge = 1 - np.abs(axis)
    return np.clip(np.minimum(edge[None, :], edge[:, None]) / rng.uniform(0.02, 0.2), 0, 1).astype(np.float32)
