"""The public interface of the device: a model that is loaded once and asked about images and cameras."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .faces.analysis import StageTimes, classify_frame
from .faces.detector import LIVE, STILL, Detector, check_search
from .faces.face import Face
from .faces.registry import open_detector
from .faces.tracker import Tracker
from .faces.whole_image import WholeImage
from .inference.classifier import Classifier
from .inference.delegate import DelegateSpec
from .inference.fallback import load_with_fallback
from .model.card import ModelCard, read_card_file
from .model.zoo import DEFAULT, find_model
from .runner.loop import updates
from .sinks.base import Update
from .sinks.events import frame_event
from .sources import Source, open_source
from .sources.base import SourceStatus
from .sources.image_files import ImageSource
from .vision.image import as_pixels

if TYPE_CHECKING:
    from PIL import Image

    from .sources.live.limits import Limits

    #: What is taken for an image; see :meth:`Emotions.analyze`.
    ImageLike = str | os.PathLike[str] | bytes | np.ndarray | Image.Image


@dataclass(frozen=True, eq=False)
class Analysis(Sequence[Face]):
    """The faces of one image: a sequence of :class:`Face`, the largest first. In a notebook it shows itself.

    Args:
        faces: faces that were found; empty when there is none.
        times: milliseconds that the stages took.
        image: pixels, uint8 (h, w) gray or (h, w, 3) RGB.
        name: path of the image; None when it was not a file.
    """

    faces: tuple[Face, ...]
    times: StageTimes
    image: np.ndarray
    name: str | None = None

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Face]: ...
    def __getitem__(self, index: int | slice) -> Face | Sequence[Face]:
        return self.faces[index]

    def __len__(self) -> int:
        return len(self.faces)

    def __repr__(self) -> str:
        return f"<Analysis of {self.name or _size(self.image)}: {_summary(self.faces)}>"

    def _repr_html_(self) -> str:
        from .faces.notebook import image_html

        return image_html(self.image, self.faces)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of this image in the document of ``edgeemo predict --json``."""
        return {
            "image": self.name,
            "faces": [face.to_dict() for face in self.faces],
            "ms": self.times.to_dict(),
        }


class Emotions:
    """A face detector and an emotion model, made by :func:`load`.

    Args:
        classifier: model with its card.
        detector: face detector.
        search: see :func:`load`.

    Raises:
        OptionError: unknown search.
    """

    def __init__(self, classifier: Classifier, detector: Detector, *, search: str | None = None) -> None:
        self._classifier = classifier
        self._still = detector.with_search(check_search(search or STILL))
        self._live = detector.with_search(search or LIVE)

    @property
    def card(self) -> ModelCard:
        """Model card: labels, input, training data, measured accuracy, license."""
        return self._classifier.card

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the model, in the order of the scores."""
        return self.card.labels

    def __repr__(self) -> str:
        return f"<Emotions {self.card.name}: {', '.join(self.labels)}; detector {self._still.name}>"

    def analyze(self, image: ImageLike, *, color: str = "rgb") -> Analysis:
        """Find the faces of an image and classify each.

        Args:
            image: path of an image file, its bytes, a PIL image, or an array, uint8 (h, w), (h, w, 1) or (h, w, 3).
            color: order of an array's channels, ``"rgb"`` or, for OpenCV's frames, ``"bgr"``.

        Returns:
            The faces, largest first.

        Raises:
            EdgeemoError: what is given is not an image, or the model's answer cannot be used.
        """
        return self._analyze(image, color, self._still)

    def classify(self, crop: ImageLike, *, color: str = "rgb") -> Face:
        """Classify an image that is a face already.

        Args:
            crop: as for :meth:`analyze`, cut from the brows to the chin.
            color: as for :meth:`analyze`.

        Returns:
            The face; its box is the whole image.

        Raises:
            EdgeemoError: as :meth:`analyze`.
        """
        return self._analyze(crop, color, WholeImage())[0]

    def _analyze(self, image: ImageLike, color: str, detector: Detector) -> Analysis:
        pixels = as_pixels(image, color=color)
        result = classify_frame(pixels, detector, self._classifier)
        name = os.fspath(image) if isinstance(image, (str, os.PathLike)) else None
        return Analysis(result.faces, result.times, pixels, name)


def load(
    model: str | os.PathLike[str] = DEFAULT,
    *,
    detector: str | os.PathLike[str] | Detector = "auto",
    search: str | None = None,
    runtime: str = "auto",
    threads: int = 1,
    delegate: str | None = None,
    fallback: bool = True,
    card: str | os.PathLike[str] | None = None,
) -> Emotions:
    """Load an emotion model and a face detector.

    Args:
        model: name of a model that ships, such as ``"base"``, or path of a .tflite.
        detector: ``"auto"`` or ``"edgeemo"``, ``"yunet"``, ``"haar"``, ``"none"`` (every image is a face already), the
            file of a detector, the name of one from another package, or a detector.
        search: resolutions that the detector ``"edgeemo"`` searches; others know one way only. ``"fast"``: one;
            ``"thorough"``: tiles at two and four times that one as well; ``"auto"``: one, and a tile at a time. None is
            thorough for images and fast for a camera or a video.
        runtime: TFLite runtime; ``"auto"`` takes the first that is installed.
        threads: threads of the model.
        delegate: ``"edgetpu"``, ``"edgetpu:usb"``, or the path of an external delegate's library; None for the CPU.
        fallback: continue on the CPU when the delegate cannot be used.
        card: JSON model card, for a model without one or in place of its own.

    Raises:
        EdgeemoError: the model, its card, the delegate or the detector cannot be used.
    """
    path = find_model(os.fspath(model))
    session = load_with_fallback(
        path,
        runtime=runtime,
        threads=threads,
        delegate=None if delegate is None else DelegateSpec.parse(delegate, ()),
        fallback=fallback,
        warn=_warn,
    )
    own_card = None if card is None else read_card_file(os.fspath(card))
    classifier = Classifier.open(path, card=own_card, session=session)
    opened = open_detector(detector) if isinstance(detector, (str, os.PathLike)) else detector
    return Emotions(classifier, opened, search=search)


class WatchedFrame:
    """A classified frame of a source. In a notebook it shows itself.

    Args:
        update: what the runner tells of it.
    """

    def __init__(self, update: Update) -> None:
        assert update.frame is not None
        self._update, self._frame = update, update.frame

    @property
    def faces(self) -> tuple[Face, ...]:
        """Faces: tracked ones with stable labels and smoothed scores where the source has time, else as in an image."""
        return self._update.faces

    @property
    def image(self) -> np.ndarray:
        """Pixels, uint8 (h, w, 3) RGB."""
        return self._frame.image

    @property
    def index(self) -> int:
        """Place of the frame in its source, from 0; gaps are frames that were not classified."""
        return self._frame.index

    @property
    def time_s(self) -> float | None:
        """Seconds: position in a video, time since a camera's first frame; None for images."""
        return self._frame.time_s

    @property
    def name(self) -> str:
        """File or camera that the frame comes from, without credentials."""
        return self._frame.name

    @property
    def status(self) -> SourceStatus:
        """Status of the source: reconnects, dropped frames, frames per second."""
        return self._update.status

    def __repr__(self) -> str:
        return f"<frame {self.index} of {self.name}: {_summary(self.faces)}>"

    def _repr_html_(self) -> str:
        from .faces.notebook import image_html

        return image_html(self.image, self.faces)

    def to_dict(self) -> dict[str, Any]:
        """Return the line of this frame in the output of ``edgeemo run``."""
        return frame_event(self._update)


class Watch(Iterator[WatchedFrame]):
    """The classified frames of a source, made by :func:`watch`: an iterator and a context manager.

    The source is opened by ``with`` or by the first frame. It is closed at its end, on leaving ``with``, by
    :meth:`close`, and when nobody holds the iterator any more.
    """

    def __init__(self, source: Source, emotions: Emotions, *, max_frames: int | None = None) -> None:
        self._source = source
        self._opened = _Opened(source)
        self._frames = _frames(self._opened, emotions, max_frames)

    def __enter__(self) -> Watch:
        self._opened.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> WatchedFrame:
        return next(self._frames)

    @property
    def status(self) -> SourceStatus:
        """Current status of the source."""
        return self._source.status

    def stop(self) -> None:
        """End after the frame in hand; from any thread, or a signal handler."""
        self._source.stop()

    def close(self) -> None:
        """Close the source; no more frames come."""
        self._source.stop()
        self._frames.close()
        self._opened.close()


class _Opened:
    """A source that is entered and left once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._open = False

    def open(self) -> None:
        if not self._open:
            self.source.__enter__()
            self._open = True

    def close(self) -> None:
        if self._open:
            self._open = False
            self.source.__exit__(None, None, None)


def _frames(opened: _Opened, emotions: Emotions, max_frames: int | None) -> Generator[WatchedFrame, None, None]:
    """Not a method of :class:`Watch`, so that dropping the watch ends this generator, and with it the source."""
    opened.open()
    try:
        detector = emotions._still if isinstance(opened.source, ImageSource) else emotions._live
        stream = updates(opened.source, detector, emotions._classifier, tracker=Tracker(), max_frames=max_frames)
        with contextlib.closing(stream):
            for update in stream:
                if update.frame is not None:
                    yield WatchedFrame(update)
    finally:
        opened.close()


def watch(
    source: int | str | os.PathLike[str],
    emotions: Emotions | None = None,
    *,
    max_frames: int | None = None,
    limits: Limits | None = None,
    options: Mapping[str, Any] | None = None,
) -> Watch:
    """Classify the faces of a camera, a video or a folder of images, frame after frame.

    A camera that is lost is opened again and again while the loop waits; frames that come too fast are dropped.

    Args:
        source: number of a camera, or anything that ``edgeemo run --source`` takes: a video, an image, a folder, the
            address of a camera, ``"-"``.
        emotions: what :func:`load` returned; None to load the default model.
        max_frames: number of frames after which it ends; None for no limit.
        limits: deadlines of a camera, such as ``Limits(wait=True)``.
        options: options of single kinds of sources by name, such as ``{"raw": "640x480:bgr"}``.

    Returns:
        An iterator over the frames, which is a context manager as well.

    Raises:
        EdgeemoError: the source is not there; in the loop, the model or the camera fails for good.
    """
    opened = open_source(
        os.fspath(source) if not isinstance(source, int) else str(source), limits=limits, warn=_warn, options=options
    )
    return Watch(opened, load() if emotions is None else emotions, max_frames=max_frames)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, RuntimeWarning, stacklevel=2)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]} pixels"


def _summary(faces: Sequence[Face]) -> str:
    return ", ".join(f"{face.label} {face.score:.0%}" for face in faces) or "no face"
