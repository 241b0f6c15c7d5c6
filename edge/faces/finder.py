"""The detector that ships: an int8 network that finds faces in an image and its tiles, and one that checks its hits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..common.errors import ModelError
from ..inference.interpreter import SessionProtocol, load
from ..model.card import ModelCard, read_card
from ..model.zoo import find_model
from ..vision.preprocess import Encoder
from .crops import LEVEL_FROM, upright_crop
from .detector import Detection, Detector, check_search, largest_first
from .heatmaps import CELL, Hit, blend, cell_centers, read_cells, suppress
from .tiles import Tile, cover, render

#: Resolutions that are searched, in multiples of the one at which the whole image fits into the network's input.
_LEVELS = {"fast": (1,), "thorough": (1, 2, 4), "auto": (1,)}
_MORE = 8
#: With faces in sight, ``auto`` looks at one tile in so many calls: somebody else may have come.
_SELDOM = 8

#: The models that ship.
FINDER, SECOND_LOOK = "edgeemo-face", "edgeemo-face-check"
#: Task of a finder's card, and of its second look's.
FIND, CHECK = "detection", "face-check"
#: Side of the square that the second look sees, in sides of the found box: some hair and chin tell a face from a shirt.
CONTEXT = 1.2
#: The second look gives roll in these units (radians), so that both its outputs have about the same range in int8.
ROLL_UNIT = 0.2
#: Roll that is believed at most (radians).
_STEEPEST = math.radians(80)


@dataclass(frozen=True)
class FinderSettings:
    """What counts as a face. A model's scores are moved when it is converted, so that 0 is the right limit for each.

    Args:
        candidates: logit from which the finder's hits get a second look.
        weight: of the finder's logit beside the second look's.
        least: sum of both from which a hit is a face.
        alone: the finder's logit from which a hit is a face without a second look.
        tiles: is added to ``least`` in a thorough search, for which 40 tiles may be mistaken in place of one. On 108
            photographs 0.5 has 0.083 false hits an image and 0.75 has 0.065, with the same recall of large faces.
        tile: is taken off the finder's logit of a hit in a tile: there are many of them, and each may be mistaken.
        hits: second looks at one image at most, the surest hits first; each costs 1.5 M instructions on a Cortex-A72. A
            thorough search has :data:`_MORE` times as many. Further hits are faces from ``alone`` up.
    """

    candidates: float = -2.0
    weight: float = 2.0
    least: float = 0.0
    alone: float = 0.0
    tiles: float = 0.75
    tile: float = 1.0
    hits: int = 12


class FaceFinder:
    """The network that finds.

    Args:
        session: the loaded model: one input (1, height, width, 1), one output (1, cells, 4).
        card: of it; says how pixels become values.

    Raises:
        ModelError: the model is another one, or its card contradicts it.
    """

    def __init__(self, session: SessionProtocol, card: ModelCard) -> None:
        if card.task != FIND:
            raise ModelError(f"{session.path} is no face finder", expected=f"task {FIND!r}", got=repr(card.task))
        spec = card.input
        self.size = (spec.height, spec.width)
        self._centers = cell_centers(*self.size)
        wanted = (1, *spec.shape), (1, len(self._centers), CELL)
        _hold_to(session, *wanted)
        self._session, self._encoder = session, Encoder(spec, session.input.encode)

    @classmethod
    def open(cls, path: str | Path, *, runtime: str = "auto", threads: int = 1) -> FaceFinder:
        """Load a finder from a .tflite with its card; see :func:`edgeemo.edge.inference.interpreter.load`."""
        session = load(path, runtime=runtime, threads=threads)
        return cls(session, _card(path))

    def __call__(self, pixels: np.ndarray, *, least: float) -> list[Hit]:
        """Look once.

        Args:
            pixels: uint8 (height, width) of the network's input.
            least: logit from which a cell counts.

        Returns:
            One for each face, in pixels of the input, the surest first.
        """
        output = self._session.invoke(self._encoder(pixels[..., None])[None])[0]
        tensor = self._session.output
        # Most cells are no face: their scores are compared as the model gives them.
        if tensor.scale:
            sure = np.flatnonzero(output[:, 0] >= math.ceil(least / tensor.scale + tensor.zero_point))
        else:
            sure = np.flatnonzero(output[:, 0] >= least)
            if not np.isfinite(output[:, 0]).all():
                raise ModelError(
                    f"{self._session.path} gives values that are not numbers", hint="train or convert the model again"
                )
        return blend(read_cells(tensor.decode(output[sure]), self._centers[sure]))


class FaceCheck:
    """The network that looks a second time: whether a hit is a face, and by how much it is turned.

    Args:
        session: the loaded model: one input (1, side, side, 1), one output (1, 2).
        card: of it.

    Raises:
        ModelError: the model is another one, or its card contradicts it.
    """

    def __init__(self, session: SessionProtocol, card: ModelCard) -> None:
        if card.task != CHECK:
            raise ModelError(f"{session.path} is no second look", expected=f"task {CHECK!r}", got=repr(card.task))
        _hold_to(session, (1, *card.input.shape), (1, 2))
        self._side = card.input.height
        self._session, self._encoder = session, Encoder(card.input, session.input.encode)

    @classmethod
    def open(cls, path: str | Path, *, runtime: str = "auto", threads: int = 1) -> FaceCheck:
        """Load a second look from a .tflite with its card."""
        session = load(path, runtime=runtime, threads=threads)
        return cls(session, _card(path))

    def __call__(self, frame: np.ndarray, found: Hit) -> tuple[float, float]:
        """Look at a hit.

        Args:
            frame: uint8 (h, w) gray or (h, w, 3) RGB, the whole image at its own resolution.
            found: where; a roll that is known already is turned back first.

        Returns:
            A logit, the larger the surer that it is a face, and the roll that is left, radians.

        Raises:
            ModelError: the model gives values that are not numbers.
        """
        crop = upright_crop(frame, found.x, found.y, CONTEXT * found.side, roll=found.roll, size=self._side, gray=True)
        output = self._session.invoke(self._encoder(crop[..., None])[None])
        face, roll = (float(value) for value in self._session.output.decode(output)[0])
        if not (math.isfinite(face) and math.isfinite(roll)):
            raise ModelError(
                f"{self._session.path} gives values that are not numbers", hint="train or convert the model again"
            )
        return face, max(-_STEEPEST, min(_STEEPEST, roll * ROLL_UNIT))


class FaceSearch:
    """A search of images for faces: the network that finds them, on one or more tiles, and the one that checks them.

    Args:
        finder: finds.
        check: looks a second time; None believes the finder.
        search: one of :data:`~edgeemo.edge.faces.detector.SEARCHES`.
        settings: what counts as a face.

    Raises:
        OptionError: unknown search.
    """

    def __init__(
        self,
        finder: FaceFinder,
        check: FaceCheck | None = None,
        *,
        search: str = "fast",
        settings: FinderSettings | None = None,
    ) -> None:
        self._finder, self._check = finder, check
        self._search, self._settings = check_search(search), settings or FinderSettings()
        self._calls = self._tile = 0

    def detect(self, frame: np.ndarray) -> list[Hit]:
        """Find faces with their scores and, with a second look, their roll; the surest first.

        Args:
            frame: uint8 (h, w) gray or (h, w, 3) RGB.
        """
        faces = self._judge(frame, self.candidates(frame))
        if self._search == "auto":
            self._calls += 1
            if not faces or self._calls % _SELDOM == 0:
                faces = suppress([*faces, *self._judge(frame, self._look(frame, self._next_tile(frame)))])
        return faces

    def candidates(self, gray: np.ndarray) -> list[Hit]:
        """Return what the finder alone finds at all levels, from the score ``candidates`` of the settings up."""
        return suppress([hit for level in _LEVELS[self._search] for hit in self._look(gray, self._tiles(gray, level))])

    def _tiles(self, frame: np.ndarray, level: int) -> list[Tile]:
        return cover((frame.shape[0], frame.shape[1]), self._finder.size, level)

    def _next_tile(self, frame: np.ndarray) -> list[Tile]:
        """The tile whose turn it is: a frame must not take as long as all of them."""
        tiles = self._tiles(frame, 2)
        self._tile += 1
        return [tiles[self._tile % len(tiles)]] if tiles else []

    def _look(self, frame: np.ndarray, seen: Sequence[Tile]) -> list[Hit]:
        least = self._settings.candidates if self._check else self._settings.alone
        size, out = self._finder.size, []
        for tile, pixels in zip(seen, render(frame, seen, size), strict=True):
            hits = self._finder(pixels, least=least)
            off = self._settings.tile if tile.level > 1 else 0.0
            whole = [tile.in_image(hit) for hit in hits if not tile.cuts(hit, size)]
            out += [replace(hit, score=hit.score - off) for hit in whole]
        return out

    def _judge(self, frame: np.ndarray, found: Sequence[Hit]) -> list[Hit]:
        if self._check is None:
            return [hit for hit in found if hit.score >= self._settings.alone]
        faces = []
        thorough, settings = self._search == "thorough", self._settings
        limit = settings.hits * (_MORE if thorough else 1)
        least = settings.least + (settings.tiles if thorough else 0.0)
        for hit in found[:limit]:
            face, roll = self._check(frame, hit)
            score = settings.weight * hit.score + face
            if score >= least:
                faces.append(replace(hit, score=score, roll=self._leveled(frame, hit, roll)))
        # A crowd: nobody has looked at these a second time.
        believed = [
            replace(hit, score=settings.weight * hit.score) for hit in found[limit:] if hit.score >= settings.alone
        ]
        faces += [hit for hit in believed if hit.score >= least]
        return sorted(faces, key=lambda face: -face.score)

    def _leveled(self, frame: np.ndarray, hit: Hit, roll: float) -> float:
        """Roll after a look at the crop that was turned by the first estimate, which is better where it is large."""
        if self._check is None or abs(roll) < LEVEL_FROM:
            return 0.0
        _, left = self._check(frame, replace(hit, roll=roll))
        return max(-_STEEPEST, min(_STEEPEST, roll + left))


class EdgeemoDetector(Detector):
    """The detector that ships, with faces up to a roll of about 60 degrees.

    Args:
        path: .tflite of a finder, with its check beside it as ``NAME-check.tflite``; None for the files that ship. A
            finder without a check is believed.
        search: one of :data:`~edgeemo.edge.faces.detector.SEARCHES`.

    Raises:
        ModelError: a file is another model, or its card contradicts it.
        OptionError: unknown search.
    """

    name = "edgeemo"

    def __init__(self, path: str | Path | None = None, *, search: str = "fast") -> None:
        path = find_model(FINDER) if path is None else Path(path)
        check = path.with_name(f"{path.stem}-check.tflite")
        finder = FaceFinder.open(path)
        self._networks = finder, FaceCheck.open(check) if check.is_file() else None
        self._search = FaceSearch(*self._networks, search=search)

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Return whether the file's name ends in .tflite."""
        return path.suffix.lower() == ".tflite"

    def with_search(self, search: str) -> EdgeemoDetector:
        """Return a detector with the same networks and another search."""
        other = copy(self)
        other._search = FaceSearch(*self._networks, search=search)
        return other

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find faces.

        Args:
            image: uint8 (h, w) gray or (h, w, 3) RGB.

        Returns:
            Square boxes with their scores and their roll, largest first, one for each face.
        """
        return largest_first(
            Detection(hit.box, 1 / (1 + math.exp(-max(-50.0, hit.score))), hit.roll)
            for hit in self._search.detect(image)
        )


def _card(path: str | Path) -> ModelCard:
    card = read_card(path)
    if card is None:
        raise ModelError(f"{path} has no model card", expected="a face finder made by edgeemo quantize")
    return card


def _hold_to(session: SessionProtocol, wanted: tuple[int, ...], given: tuple[int, ...]) -> None:
    """Raise unless a model takes and gives tensors of these shapes."""
    for what, shape, found in (("input", wanted, session.input.shape), ("output", given, session.output.shape)):
        if found != shape:
            raise ModelError(
                f"the card of {session.path} contradicts the model's {what}",
                expected=f"{shape} by the card",
                got=f"{found} in the model",
                hint="use the card that belongs to this model",
            )
