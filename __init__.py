"""Facial-emotion models for small devices: load one, ask it about images and cameras, train and quantize your own.

Classify a photograph. The result is a sequence of faces, the largest first; in a notebook it shows itself::

    >>> import edgeemo
    >>> emo = edgeemo.load("base")
    >>> for face in emo.analyze("photo.jpg"):
    ...     print(face.label, f"{face.score:.0%}")
    happy 96%

Classify a face that is cut out already::

    >>> emo.classify("face.png").label
    'happy'

Follow the faces of a camera (``edgeemo.watch(0, emo)``), a stream, a video or a folder. A camera that is lost is
opened again; faces keep a number, and their labels do not flicker::

    >>> with edgeemo.watch("clip.avi", emo, max_frames=3) as frames:
    ...     for frame in frames:
    ...         print(frame.index, len(frame.faces))
    0 1
    1 1
    2 1

Train, quantize, prove that accuracy was kept, and measure, with the options of the commands of the same names::

    run = edgeemo.train("edgeemo-base", data="faces/", out="runs/base")
    model = edgeemo.quantize(run.folder, method="int8")
    edgeemo.validate(run.folder, model.path, data="faces/").passed
    edgeemo.benchmark([model.path, "base"])

An image is a path, bytes, a PIL image, or an array, uint8 (h, w), (h, w, 1) or (h, w, 3) in RGB; for OpenCV's frames
say ``color="bgr"``. Results have ``to_dict()``, which is what the command line prints as JSON.

Whatever goes wrong is an :class:`EdgeemoError` with a problem, what was expected, what was got, and a hint::

    >>> try:
    ...     edgeemo.load("bass")
    ... except edgeemo.EdgeemoError as error:
    ...     print(error.problem)
    unknown model 'bass'

Importing the package loads nothing heavy: numpy, OpenCV, a TFLite runtime and TensorFlow come when they are needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .edge.common.version import __version__

if TYPE_CHECKING:
    from .api import benchmark, quantize, validate
    from .edge.common.errors import (
        CameraError,
        DataError,
        DelegateError,
        DeploymentError,
        EdgeemoError,
        FileError,
        FrameLost,
        GateError,
        MissingExtraError,
        ModelError,
        OptionError,
        OutputError,
        RecipeError,
        RuntimeUnavailableError,
        Stopped,
    )
    from .edge.emotions import Analysis, Emotions, Watch, WatchedFrame, load, watch
    from .edge.faces.face import Face
    from .edge.vision.box import Box
    from .optimize.validation.validation import Validation
    from .train.api import train

__all__ = [
    "Analysis",
    "Box",
    "CameraError",
    "DataError",
    "DelegateError",
    "DeploymentError",
    "EdgeemoError",
    "Emotions",
    "Face",
    "FileError",
    "FrameLost",
    "GateError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OutputError",
    "RecipeError",
    "RuntimeUnavailableError",
    "Stopped",
    "Validation",
    "Watch",
    "WatchedFrame",
    "__version__",
    "benchmark",
    "load",
    "quantize",
    "train",
    "validate",
    "watch",
]

_ERRORS = {name: "edge.common.errors" for name in __all__ if name.endswith("Error") or name in ("FrameLost", "Stopped")}
_MODULES = {
    **_ERRORS,
    "Box": "edge.vision.box",
    "Face": "edge.faces.face",
    **dict.fromkeys(("Analysis", "Emotions", "Watch", "WatchedFrame", "load", "watch"), "edge.emotions"),
    **dict.fromkeys(("benchmark", "quantize", "validate"), "api"),
    "Validation": "optimize.validation.validation",
}


def __getattr__(name: str) -> Any:
    if name == "train":
        # The package itself, which is callable.
        return importlib.import_module(".train", __name__)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    # The next access is an ordinary one.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
